"""The catalog that ``--discover`` prints, without any setting."""

from __future__ import annotations

from pathlib import Path

from tests.common import assert_catalog_is, undescribed
from tests.conftest import discovered
from tests.tap_deepconverse.conftest import REPLICATION_KEYS

GOLDENS = Path(__file__).parent / "goldens"


def test_the_catalog_is_the_golden_one() -> None:
    assert_catalog_is(GOLDENS / "catalog.json", "tap_deepconverse")


def test_streams_have_the_keys_of_the_design_and_describe_every_property() -> None:
    catalog = discovered("tap_deepconverse")
    assert {s["stream"]: s["replication_key"] for s in catalog["streams"]} == REPLICATION_KEYS
    assert not undescribed(catalog)
    for stream in catalog["streams"]:
        assert stream["key_properties"] == ["_id"]
        assert stream["replication_method"] == "INCREMENTAL"
        assert stream["schema"].get("additionalProperties", True) is not False
        for name, schema in stream["schema"]["properties"].items():
            assert ("null" in schema["type"]) == (name not in {"_id", "bot_name"})
