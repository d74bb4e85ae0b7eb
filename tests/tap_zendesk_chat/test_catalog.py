"""The catalog that ``--discover`` prints, without any setting."""

from __future__ import annotations

from pathlib import Path

from tests.common import assert_catalog_is, undescribed
from tests.conftest import discovered
from tests.tap_zendesk_chat.conftest import KEYS, PART_KEYS, REPLICATION_KEYS, TABLE_KEYS
from tests.tap_zendesk_chat.messaging import MESSAGING_KEYS, MESSAGING_REPLICATION_KEYS

GOLDENS = Path(__file__).parent / "goldens"


def test_the_catalog_is_the_golden_one() -> None:
    assert_catalog_is(GOLDENS / "catalog.json", "tap_zendesk_chat")


def test_streams_have_the_keys_of_the_design_and_describe_every_property() -> None:
    catalog = discovered("tap_zendesk_chat")
    keys = {s["stream"]: tuple(s["key_properties"]) for s in catalog["streams"]}
    assert keys == KEYS | TABLE_KEYS | PART_KEYS | MESSAGING_KEYS
    assert {
        s["stream"]: s["replication_key"] for s in catalog["streams"] if s.get("replication_key")
    } == REPLICATION_KEYS | MESSAGING_REPLICATION_KEYS
    tables = {s["stream"] for s in catalog["streams"] if s["replication_method"] == "FULL_TABLE"}
    assert tables == {*TABLE_KEYS, "agent_availabilities", "groups", "survey_responses"}
    assert not undescribed(catalog)
    for stream in catalog["streams"]:
        assert stream["schema"].get("additionalProperties", True) is not False
        for name, schema in stream["schema"]["properties"].items():
            assert ("null" in schema["type"]) == (name not in keys[stream["stream"]])
