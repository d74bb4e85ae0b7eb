"""The file of accounts: one line about what is wrong, and a schema for editors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t

import jsonschema
import pytest
import yaml
from support_fleet import accounts, meltano
from support_fleet.__main__ import schema
from support_fleet.accounts import AccountsError

from scripts.taps import taps
from tests.conftest import ROOT

if t.TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = ROOT / "orchestrate" / "defs" / "accounts" / "defs.yaml"
SECRET = "dx-0123456789"  # noqa: S105

Json = t.Any


def document() -> Json:
    """A right file of two accounts."""
    account = {
        "tap": "tap-dixa",
        "target": "warehouse",
        "start_date": "2026-01-01",
        "credentials": {"api_token": {"variable": "ACME"}},
        "token": "acme",
    }
    targets = {"warehouse": {"loader": "target-jsonl"}}
    both = [{"name": "acme", **account}, {"name": "other", **account}]
    return {
        "type": "support_fleet.SupportAccounts",
        "attributes": {"targets": targets, "accounts": both},
    }


def complaint(file: Path, text: str) -> str:
    """The one line about a file; what was written in the place of a secret is not in it."""
    file.write_text(text, encoding="utf-8")
    with pytest.raises(AccountsError) as found:
        meltano.check(t.cast("accounts.Fleet", accounts.read(file)))
    line = str(found.value)
    assert "\n" not in line
    assert SECRET not in line
    return line.removeprefix(f"{file}: ")


WRONG: dict[str, tuple[Json, str]] = {
    "an unknown field": ({"tokne": "x"}, "account 'other': tokne: Extra inputs are not permitted"),
    "no start": ({"start_date": None}, "account 'other': start_date: "),
    "no date": ({"start_date": "January"}, "account 'other': start_date: "),
    "a name that is none": ({"name": "Other Ltd"}, "account 'Other Ltd': name: "),
    "no name": ({"name": None}, "account number 2: name: "),
    "a name twice": ({"name": "acme"}, "account 'acme': name: another account has it too"),
    "an unknown tap": (
        {"tap": "tap-dixxa", "token": "mine"},
        "account 'other': tap: meltano.yml has no 'tap-dixxa'",
    ),
    "an unknown target": ({"target": "lake"}, "account 'other': target: there is no 'lake'"),
    "no cron": ({"cron": "hourly"}, "account 'other': cron: not a cron expression"),
    "an unknown stream": (
        {"select": ["conversations", "mesages"]},
        "account 'other': select: tap-dixa has no stream 'mesages'",
    ),
    "an unknown field of a stream": (
        {"select": ["!conversations.brand.nmae"]},
        "account 'other': select: 'conversations' has no field 'brand.nmae'",
    ),
    "an unknown setting": (
        {"settings": {"window": 3}},
        "account 'other': settings: tap-dixa has no setting 'window'",
    ),
    "a start among the settings": (
        {"settings": {"start_date": "2026-01-01"}},
        "account 'other': settings: start_date stands beside settings",
    ),
    "a secret as a value": (
        {"credentials": {"api_token": SECRET}},
        "account 'other': credentials.api_token: name a variable or a file",
    ),
    "a secret as the name of a variable": (
        {"credentials": {"api_token": {"variable": SECRET}}},
        "account 'other': credentials.api_token.variable: ",
    ),
    "a secret among the settings": (
        {"settings": {"api_token": SECRET}},
        "account 'other': settings.api_token: a secret",
    ),
    "no credentials": ({"credentials": {}}, "account 'other': credentials: "),
    "other credentials of one token": (
        {"credentials": {"api_token": {"variable": "OTHER"}}},
        "account 'other': token: account 'acme' calls other credentials 'acme' too",
    ),
    "another name for the same token": (
        {"token": "mine"},
        "account 'other': token: account 'acme' has the same credentials",
    ),
}


@pytest.mark.parametrize(("change", "expected"), WRONG.values(), ids=WRONG)
def test_a_wrong_account_is_one_line_with_its_name_and_field(
    tmp_path: Path, change: Json, expected: str
) -> None:
    wrong = document()
    entry = {**wrong["attributes"]["accounts"][1], **change}
    wrong["attributes"]["accounts"][1] = {name: it for name, it in entry.items() if it is not None}
    assert complaint(tmp_path / "defs.yaml", yaml.safe_dump(wrong)).startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("type: x\n  attributes: [", "line 2: no YAML: "),
        ("just words", "no file of accounts"),
        ("[1, 2]", "no file of accounts"),
        ("", "no file of accounts"),
        ("type: support_fleet.SupportAccounts", "targets: Field required (and 1 more)"),
        ("type: support_fleet.SupportAccounts\nattributes: 3", "Input should be"),
    ],
)
def test_a_file_that_is_none_is_one_line(tmp_path: Path, text: str, expected: str) -> None:
    assert complaint(tmp_path / "defs.yaml", text).startswith(expected)


def test_a_secret_that_is_not_there_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACME", raising=False)
    empty = tmp_path / "token"
    empty.write_text("\n", encoding="utf-8")
    for place, expected in (
        ({"variable": "ACME"}, "here: the environment variable ACME is not set"),
        ({"file": str(empty)}, f"here: the file {empty} cannot be read: it is empty"),
        ({"file": "nowhere"}, "here: the file nowhere cannot be read: No such file or directory"),
    ):
        with pytest.raises(AccountsError) as found:
            accounts.Secret.model_validate(place).read("here")
        assert str(found.value) == expected
    empty.write_text(f"{SECRET}\n", encoding="utf-8")
    assert accounts.Secret(file=str(empty)).read("here") == SECRET


def test_the_example_is_right() -> None:
    fleet = accounts.read(EXAMPLE)
    assert fleet
    meltano.check(fleet)
    assert {account.tap for account in fleet.accounts} == taps().keys()


def test_the_command_says_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    wrong = tmp_path / "defs.yaml"
    wrong.write_text(EXAMPLE.read_text(encoding="utf-8").replace("cron: 0 * * * *", "cron: daily"))
    done = subprocess.run(
        [sys.executable, "-m", "support_fleet", "check"],
        cwd=ROOT / "orchestrate",
        env={**os.environ, "FLEET_ACCOUNTS": str(wrong)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"{wrong}: account 'sandbox_deepconverse': cron: ")


def test_the_schema_for_editors_is_up_to_date() -> None:
    file = ROOT / "orchestrate" / "schema.json"
    assert file.read_text(encoding="utf-8") == schema(), "make docs"
    made = json.loads(schema())
    jsonschema.validate(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8")), made)
    jsonschema.validate(document(), made)
    wrong = document()
    wrong["attributes"]["accounts"][0]["credentials"]["api_token"] = SECRET
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, made)
