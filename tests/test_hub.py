"""The definitions for the Meltano Hub: up to date, and of the form that the Hub accepts."""

from __future__ import annotations

import typing as t

import jsonschema
import pytest
import yaml

from scripts import hub, tables
from scripts.taps import taps

TEXT = {"type": "string", "minLength": 1}
MAY_BE_EMPTY = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}

# The facts of meltano/hub's schemas/plugin_definitions/extractors.schema.json and of those that it
# refers to, as far as they are about what we write.
ACCEPTED: dict[str, t.Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "namespace", "variant", "label", "settings", "capabilities"],
    "properties": {
        **dict.fromkeys(("name", "namespace", "variant", "label", "description"), TEXT),
        **dict.fromkeys(("pip_url", "executable"), TEXT),
        **dict.fromkeys(("next_steps", "settings_preamble", "usage"), MAY_BE_EMPTY),
        **dict.fromkeys(("select", "keywords"), TEXTS),
        "domain_url": {"type": "string", "pattern": "^https://"},
        "maintenance_status": {"enum": ["active", "beta", "development", "inactive", "unknown"]},
        "capabilities": {
            "type": "array",
            "items": {
                "enum": [
                    *("properties", "catalog", "discover", "state", "about", "stream-maps"),
                    *("schema-flattening", "activate-version", "batch", "test", "log-based"),
                    "structured-logging",
                ]
            },
        },
        "settings_group_validation": {"type": "array", "items": TEXTS},
        "settings": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "label", "kind", "description"],
                "properties": {
                    **dict.fromkeys(("name", "label", "description"), TEXT),
                    "value": {},
                    "sensitive": {"type": "boolean"},
                    "kind": {
                        "enum": ["date_iso8601", "integer", "object", "array", "boolean", "string"]
                    },
                },
            },
        },
    },
}

every_tap = pytest.mark.parametrize("tap", taps())


@every_tap
def test_the_definition_is_up_to_date(tap: str) -> None:
    text = (hub.FOLDER / f"{tap}.yml").read_text(encoding="utf-8")
    assert text == hub.text_of(hub.definition(tap)), "make docs"


@every_tap
def test_the_hub_accepts_the_definition_with_its_keys_in_order(tap: str) -> None:
    made = yaml.safe_load((hub.FOLDER / f"{tap}.yml").read_text(encoding="utf-8"))
    jsonschema.validate(made, ACCEPTED)
    names = [setting["name"] for setting in made["settings"]]
    assert list(made) == sorted(made)
    assert names == sorted(names)
    assert all(list(setting) == sorted(setting) for setting in made["settings"])
    secrets = {it.name for it in tables.settings(taps()[tap]) if it.is_secret}
    assert {it["name"] for it in made["settings"] if it.get("sensitive")} == secrets
