"""BATCH files hold the records that would have been written, and a STATE follows what it covers."""

from __future__ import annotations

import gzip
import json
import typing as t
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support_taps.batches import BatchFiles
from tests.conftest import run_tap
from tests.tap_zendesk_chat.conftest import config_for

if t.TYPE_CHECKING:
    from sandbox import Sandbox
    from tests.conftest import Record, Run

SIZE = 7


def read(box: Sandbox, folder: Path, **settings: t.Any) -> Run:
    batch_config = {
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "storage": {"root": folder.as_uri(), "prefix": "run-"},
        "batch_size": SIZE,
    }
    return run_tap("tap_zendesk_chat", config_for(box, batch_config=batch_config, **settings))


def contents(done: Run, stream: str) -> list[list[Record]]:
    """The records in the files of a stream, file by file."""
    files = [
        Path(urlsplit(url).path)
        for message in done.messages
        if message["type"] == "BATCH" and message["stream"] == stream
        for url in message["manifest"]
    ]
    return [[json.loads(line) for line in gzip.open(file, "rt")] for file in files]


@pytest.mark.parametrize("path", ["fast", "the SDK's"])
def test_files_hold_the_records_of_a_run_without_them(
    box: Sandbox, tmp_path: Path, path: str
) -> None:
    settings: dict[str, t.Any] = {} if path == "fast" else {"stream_maps": {"chats": {}}}
    whole = run_tap("tap_zendesk_chat", config_for(box)).succeeded()
    done = read(box, tmp_path, **settings).succeeded()
    for stream in ("chats", "agent_timeline", "conversions", "department_events"):
        files = contents(done, stream)
        assert [record for file in files for record in file] == whole.records(stream)
        assert {len(file) for file in files[:-1]} == {SIZE}
        assert 0 < len(files[-1]) <= SIZE
        assert not done.records(stream)
    assert done.states[-1] == whole.states[-1]
    assert all(name.name.startswith("run-") for name in tmp_path.iterdir())


def test_a_state_covers_only_what_is_in_files_before_it(box: Sandbox, tmp_path: Path) -> None:
    done = read(box, tmp_path, page_size=10).succeeded()
    seen: set[str] = set()
    files = iter(contents(done, "chats"))
    updates = {chat["id"]: chat["update_timestamp"] for chat in box.zendesk_chat.truth("chats")}
    states = 0
    for message in done.messages:
        if message["type"] == "BATCH" and message["stream"] == "chats":
            seen |= {record["id"] for record in next(files)}
        elif message["type"] == "STATE":
            bookmark = message["value"]["bookmarks"].get("chats", {})
            until = bookmark.get("replication_key_value", "")
            assert {chat for chat, moment in updates.items() if moment < until} <= seen
            states += bool(until)
    assert states > 3


def test_a_storage_that_fails_ends_the_run_before_any_state(box: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    done = read(box, file / "inside")
    assert done.exit_code == 1
    assert not done.states
    assert "Traceback" not in done.stderr


def test_records_stay_until_their_file_is_complete(tmp_path: Path) -> None:
    """The file that could not be written is written when there is another chance."""

    class Storage:
        prefix = None
        fails = True

        def open(self, name: str, mode: str) -> t.IO[bytes]:
            if self.fails:
                raise OSError(28, "No space left on device")
            return t.cast("t.IO[bytes]", (tmp_path / name).open(mode))

        def get_url(self, name: str) -> str:
            return name

    class Config:
        storage = Storage()
        batch_size = 3

    sent: list[str] = []
    files = BatchFiles(t.cast("t.Any", Config), "things", sent.append)
    with pytest.raises(OSError, match="No space"):
        files.write_lines(b"1\n2\n3\n")
    Storage.fails = False
    files.flush()
    (name,) = sent
    assert gzip.decompress((tmp_path / name).read_bytes()) == b"1\n2\n3\n"
