"""Documents, `meltano.yml` and the distribution tell the truth about the taps."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import json
import re
import subprocess
import sys
import typing as t
import zipfile
from pathlib import Path

import jsonschema
import pytest
import yaml

from sandbox import Sandbox
from scripts import tables, taps

ROOT = Path(__file__).parent.parent
TAPS = taps.taps()
VERSION = importlib.metadata.version(taps.DISTRIBUTION)

Json = t.Any

every_tap = pytest.mark.parametrize("tap", TAPS)


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def output_of(*command: str | Path, folder: Path = ROOT) -> str:
    done = subprocess.run(  # noqa: S603 - our own programs
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def program(name: str) -> Path:
    """A program of this Python's environment."""
    return Path(sys.executable).with_name(name)


def variable(tap: str, setting: str) -> str:
    return f"{tap}_{setting}".replace("-", "_").upper()


@pytest.fixture(scope="module")
def meltano_yml() -> Json:
    return yaml.safe_load(text_of("meltano.yml"))


@pytest.fixture
def extractor(meltano_yml: Json, tap: str) -> Json:
    (found,) = [it for it in meltano_yml["plugins"]["extractors"] if it["name"] == tap]
    return found


# README.md, .env.example, CHANGELOG.md


@pytest.mark.parametrize("file", tables.FILES)
def test_generated_blocks_are_up_to_date(file: str) -> None:
    assert text_of(file) == tables.updated(text_of(file)), "make docs"


@every_tap
def test_the_readme_of_a_tap_has_its_streams_and_settings(tap: str) -> None:
    readme = text_of(f"{tap.replace('-', '_')}/README.md")
    assert tables.blocks(readme) == [f"settings:{tap}", f"streams:{tap}"]
    assert f"({tap.replace('-', '_')}/README.md)" in text_of("README.md")


def test_settings_that_all_taps_share_stand_in_one_place() -> None:
    assert tables.blocks(text_of("docs/settings.md")) == ["settings"]
    shared = text_of("docs/settings.md")
    assert "| `start_date` |" in shared
    for tap in TAPS.values():
        for setting in tables.settings(tap):
            assert setting.own or f"`{setting.name}`" in shared


def test_every_link_within_the_documents_leads_somewhere() -> None:
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    for document in (*documents, *ROOT.glob("docs/*.md"), *ROOT.glob("tap_*/README.md")):
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
            assert (document.parent / link).exists(), f"{document}: {link}"


def test_every_make_command_of_the_readme_exists() -> None:
    told = re.findall(r"^(?:\$ )?make ([a-z ]+)", text_of("README.md"), re.MULTILINE)
    (phony,) = re.findall(r"^\.PHONY: (.+)$", text_of("Makefile"), re.MULTILINE)
    assert {"demo", "test"} <= {word for line in told for word in line.split()} <= {*phony.split()}


@every_tap
def test_env_example_has_what_a_run_needs(tap: str, extractor: Json) -> None:
    prefix = variable(tap, "")
    named = set(re.findall(rf"^{prefix}(\w+)=", text_of(".env.example"), re.MULTILINE))
    needed = {it.name for it in tables.settings(TAPS[tap]) if it.required or it.is_secret}
    # Meltano asks for more where some of several settings are enough: the subdomain of Zendesk.
    needed |= set().union(*extractor["settings_group_validation"]) - {"api_url"}
    assert named == {name.upper() for name in needed}


def test_env_example_gives_away_no_secret(meltano_yml: Json) -> None:
    for plugin in (*meltano_yml["plugins"]["extractors"], *meltano_yml["plugins"]["loaders"]):
        for setting in plugin["settings"]:
            if setting.get("sensitive"):
                name = variable(plugin["name"], setting["name"])
                assert not re.search(rf"^{name}=\S", text_of(".env.example"), re.MULTILINE)


def test_changelog_tells_of_this_version() -> None:
    assert f"\n## {VERSION} " in text_of("CHANGELOG.md")


# meltano.yml


def test_meltano_finds_its_file_valid(meltano_yml: Json) -> None:
    file = importlib.resources.files("meltano") / "schemas" / "meltano.schema.json"
    jsonschema.validate(meltano_yml, json.loads(file.read_text(encoding="utf-8")))


def test_meltano_knows_every_tap(meltano_yml: Json) -> None:
    assert [it["name"] for it in meltano_yml["plugins"]["extractors"]] == list(TAPS)


@every_tap
def test_meltano_knows_every_setting_as_the_tap_declares_it(tap: str, extractor: Json) -> None:
    of_sdk: Json = {"properties": {}}
    TAPS[tap].append_builtin_config(of_sdk)
    declared = {**TAPS[tap].config_jsonschema["properties"], **of_sdk["properties"]}
    told = {setting["name"]: setting for setting in extractor["settings"]}
    kinds: dict[str, type | tuple[type, ...]] = {
        "boolean": bool,
        "string": str,
        "integer": int,
        "number": (int, float),
        "array": list,
    }
    assert told.keys() == declared.keys()
    for name, schema in declared.items():
        setting = told[name]
        assert setting["label"] == schema["title"]
        assert setting["description"] == schema["description"]
        assert setting.get("sensitive", False) is schema.get("secret", False)
        assert setting.get("value") == schema.get("default")
        if "value" in setting:
            assert isinstance(setting["value"], kinds[schema["type"][0]])
        if schema.get("format") == "date-time":
            assert setting["kind"] == "date_iso8601"
        elif "number" in schema["type"]:
            # Meltano's kind for it cannot be set from the environment: it fails on its Decimal.
            assert setting["kind"] == "string"
        else:
            assert setting["kind"] in schema["type"]


@every_tap
def test_meltano_knows_what_the_tap_can_do(tap: str, extractor: Json) -> None:
    about = json.loads(output_of(program(tap), "--about", "--format=json"))
    assert extractor["capabilities"] == sorted(about["capabilities"])


@every_tap
def test_meltano_asks_for_what_a_run_needs(tap: str, extractor: Json) -> None:
    for group in extractor["settings_group_validation"]:
        assert {it.name for it in tables.settings(TAPS[tap]) if it.required} <= set(group)
        assert set(group) <= {it["name"] for it in extractor["settings"]}


@every_tap
@pytest.mark.parametrize("target", ["jsonl", "postgres"])
def test_meltano_has_a_job_for_every_tap_and_target(
    meltano_yml: Json, tap: str, target: str
) -> None:
    job = {"name": f"{tap.removeprefix('tap-')}-to-{target}", "tasks": [f"{tap} target-{target}"]}
    assert job in meltano_yml["jobs"]


@every_tap
def test_meltano_leaves_out_what_is_off_by_default(extractor: Json, tap: str) -> None:
    """It selects all that a catalog has, unless it is told otherwise."""
    off = [stream.name for stream in taps.streams(TAPS[tap]) if not stream.selected_by_default]
    wanted = ["*.*", *(f"!{name}.*" for name in off)] if off else ["*.*"]
    assert extractor.get("select", ["*.*"]) == wanted


@every_tap
def test_the_sandbox_environment_fits_the_sandbox(meltano_yml: Json, tap: str) -> None:
    (sandbox,) = [it for it in meltano_yml["environments"] if it["name"] == "sandbox"]
    (plugin,) = [it for it in sandbox["config"]["plugins"]["extractors"] if it["name"] == tap]
    box = Sandbox(port=8765)
    vendor = box.vendors[taps.vendor_of(tap)]
    vendor.host_url = box.url  # as when it listens
    assert {name: plugin["config"][name] for name in vendor.urls} == vendor.urls
    secret = next(it.name for it in tables.settings(TAPS[tap]) if it.is_secret)
    assert plugin["config"][secret] == vendor.token
    TAPS[tap](config=plugin["config"])


# The programs and the distribution


@every_tap
def test_about_tells_of_every_setting(tap: str) -> None:
    about = output_of(program(tap), "--about", "--format=markdown")
    assert f"# `{tap}`" in about
    for setting in tables.settings(TAPS[tap]):
        assert f"\n| {setting.name} | {setting.required} |" in about


@every_tap
def test_every_tap_tells_its_version(tap: str) -> None:
    assert output_of(program(tap), "--version").startswith(f"{tap} v{VERSION}, ")


def test_the_pythons_that_are_promised_are_those_that_are_tested() -> None:
    said = importlib.metadata.metadata(taps.DISTRIBUTION).get_all("Classifier") or []
    promised = re.findall(r"Python :: (3\.\d+)", "\n".join(said))
    workflow = yaml.safe_load(text_of(".github/workflows/test.yml"))
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == promised


def test_every_action_is_pinned_by_its_commit() -> None:
    for workflow in (ROOT / ".github" / "workflows").iterdir():
        for used in re.findall(r"uses: (.+)", workflow.read_text(encoding="utf-8")):
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", used), used


def test_every_tap_can_be_chosen_in_an_issue() -> None:
    for form in ("bug", "connection-report"):
        body = yaml.safe_load(text_of(f".github/ISSUE_TEMPLATE/{form}.yml"))["body"]
        (choice,) = [part for part in body if part["id"] == "tap"]
        assert set(TAPS) <= set(choice["attributes"]["options"])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    output_of(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
    (file,) = folder.glob("*.whl")
    return file


def test_the_wheel_has_the_taps_and_nothing_else(wheel: Path) -> None:
    packages = {"support_taps", *(tap.replace("-", "_") for tap in TAPS)}
    with zipfile.ZipFile(wheel) as archive:
        folders = {name.split("/")[0] for name in archive.namelist()}
    assert folders == {*packages, f"support_taps-{VERSION}.dist-info"}


def test_the_wheel_carries_the_license(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"support_taps-{VERSION}.dist-info/licenses/LICENSE").decode()
    assert "Apache License" in text


@every_tap
def test_a_tap_from_the_wheel_has_its_schemas(wheel: Path, tap: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    command = [sys.executable, "-m", tap.replace("-", "_"), "--discover"]
    catalog = json.loads(output_of(*command, folder=tmp_path))
    assert {it["stream"] for it in catalog["streams"]} == {
        stream.name for stream in taps.streams(TAPS[tap])
    }


# Everything that is committed


def test_no_file_names_a_registry_or_a_path_of_this_machine() -> None:
    # Written in parts, so that this file names none.
    hosts = ("pypi" + "\\.org", "python" + "hosted", "npm" + "js\\.", "debian" + "\\.org")
    folders = r"(?<![\w.~])/(?:home|root|work|Users|opt)" + r"/\w"
    forbidden = re.compile("|".join([*hosts, folders, re.escape(f"{ROOT}/")]))
    listed = output_of("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    named = []
    for name in filter(None, listed.split("\0")):
        file = ROOT / name
        if file.is_file():
            text = file.read_text(encoding="utf-8", errors="replace")
            named += [f"{name}: {found[0]}" for found in forbidden.finditer(text)]
    assert not named
