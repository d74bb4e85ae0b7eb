"""Every request that tap-devrev sends, checked against DevRev's OpenAPI document by Prism.

    python -m scripts.prism path/to/openapi.yaml

The tap reads the sandbox with all its streams; each kind of request that it sent is then sent to
Prism (https://github.com/stoplightio/prism), which serves the document and refuses what the
document does not allow. It needs ``npx``, which fetches Prism. The document is cut down to the
paths that are asked for, since Prism takes minutes to start with all of it, and its requests are
closed: the real API refuses fields that it does not know.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

import requests
import yaml

from sandbox import Sandbox
from sandbox.data.devrev_tables import LISTED

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    Json = t.Any

PRISM = "@stoplight/prism-cli@5"
SECONDS = 600
"""For Prism to be fetched and to listen."""
HEADERS = {"Authorization": "Bearer x", "X-Devrev-Scope": "beta"}


def sent() -> list[tuple[str, Json]]:
    """Path and body of each kind of request: those with the same fields are one kind."""
    with Sandbox(size=300, rate_limits=False) as box, tempfile.TemporaryDirectory() as folder:
        config, catalog = Path(folder, "config.json"), Path(folder, "catalog.json")
        settings = {
            "access_token": box.devrev.token,
            "api_url": box.devrev.url,
            "start_date": "2020-01-01",
            "page_size": 20,
            "window_days": 3650,
        }
        for stream in ("conversations", *(each.stream for each in LISTED if each.export)):
            # More at one moment than a page holds: they are read from the list.
            crowd = box.devrev.truth(stream)[:1] * 50
            box.devrev.put(
                stream, *({**one, "id": f"{one['id']}{at}"} for at, one in enumerate(crowd))
            )
        config.write_text(json.dumps(settings), encoding="utf-8")
        command = [sys.executable, "-m", "tap_devrev", "--config", str(config)]
        found = json.loads(_output(*command, "--discover"))
        for entry in found["streams"]:
            entry["selected"] = True
            for item in entry["metadata"]:
                item["metadata"]["selected"] = True
        catalog.write_text(json.dumps(found), encoding="utf-8")
        _output(*command, "--catalog", str(catalog))
        kinds = {(call.path, _shape(call.json)): call.json for call in box.requests}
    return [(path, body) for (path, _), body in kinds.items()]


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        msg = f"the tap failed: {done.stderr[-1000:]}"
        raise RuntimeError(msg)
    return done.stdout


def _shape(body: Json) -> str:
    """The fields of a body, and the types of work, without values."""
    if isinstance(body, dict):
        return ",".join(f"{name}:{_shape(body[name])}" for name in sorted(body))
    return str(body) if isinstance(body, list) else ""


def trimmed(document: Json, paths: set[str]) -> Json:
    """The document with some paths only, and with what these refer to.

    Args:
        document: The vendor's.
        paths: Those that are kept, of which only POST is.
    """
    kept: dict[str, dict[str, Json]] = {"schemas": {}, "responses": {}}

    def keep(value: Json) -> None:
        if isinstance(value, dict):
            if isinstance(reference := value.get("$ref"), str):
                _, _, kind, name = reference.split("/")
                if name not in kept[kind]:
                    kept[kind][name] = document["components"][kind][name]
                    keep(kept[kind][name])
            for inner in value.values():
                keep(inner)
        elif isinstance(value, list):
            for inner in value:
                keep(inner)

    operations = {path: {"post": document["paths"][path]["post"]} for path in sorted(paths)}
    keep(operations)
    for operation in operations.values():
        schema = operation["post"]["requestBody"]["content"]["application/json"]["schema"]
        name = schema["$ref"].rpartition("/")[2]
        kept["schemas"][name] = {**kept["schemas"][name], "additionalProperties": False}
    components = {**document["components"], **kept}
    return {**document, "paths": operations, "components": components}


@contextlib.contextmanager
def prism(document: Json) -> Iterator[str]:
    """Serve a document; the URL it is served at."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        reserved.close()
        file, log = Path(folder, "document.json"), Path(folder, "log")
        file.write_text(json.dumps(document), encoding="utf-8")
        command = [shutil.which("npx") or "npx", "--yes", PRISM, "mock", "-p", str(port), str(file)]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)  # noqa: S603
        try:
            until = time.monotonic() + SECONDS
            while "is listening" not in log.read_text(encoding="utf-8"):
                if process.poll() is not None or time.monotonic() > until:
                    msg = f"Prism did not start: {log.read_text(encoding='utf-8')[-1000:]}"
                    raise RuntimeError(msg)
                time.sleep(0.5)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def main() -> int:
    """Tell what Prism finds wrong; 1 if it does, or if it finds nothing wrong with nonsense."""
    parser = argparse.ArgumentParser(description="Check tap-devrev's requests with Prism.")
    parser.add_argument("document", type=Path, help="DevRev's OpenAPI document, JSON or YAML")
    text = parser.parse_args().document.read_text(encoding="utf-8")
    document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    calls = sent()
    wrong = 0
    with prism(trimmed(document, {path for path, _ in calls})) as url:
        for path, body in calls:
            answer = requests.post(url + path, json=body, headers=HEADERS, timeout=SECONDS)
            nonsense = {**body, "no_such_field": 1}
            refused = requests.post(url + path, json=nonsense, headers=HEADERS, timeout=SECONDS)
            is_right = answer.ok and not refused.ok
            wrong += not is_right
            note = "ok" if is_right else f"{answer.status_code}, nonsense {refused.status_code}"
            print(f"{note:4} {path} {json.dumps(body)}")
            if not answer.ok:
                print(f"     {answer.headers.get('sl-violations') or answer.text[:500]}")
    print(f"{len(calls)} kinds of requests to {len({path for path, _ in calls})} endpoints")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
