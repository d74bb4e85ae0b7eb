"""The catalog that ``--discover`` prints, without any setting."""

from __future__ import annotations

from pathlib import Path

from tests.common import assert_catalog_is, undescribed
from tests.conftest import discovered

GOLDENS = Path(__file__).parent / "goldens"


def test_the_catalog_is_the_golden_one() -> None:
    assert_catalog_is(GOLDENS / "catalog.json", "tap_devrev")


def test_the_stream_has_the_key_of_the_design_and_describes_every_property() -> None:
    catalog = discovered("tap_devrev")
    (stream,) = catalog["streams"]
    assert stream["stream"] == "conversations"
    assert stream["key_properties"] == ["id"]
    assert stream["replication_key"] == "modified_date"
    assert stream["replication_method"] == "INCREMENTAL"
    assert stream["schema"].get("additionalProperties", True) is not False
    assert not undescribed(catalog)
    for name, schema in stream["schema"]["properties"].items():
        assert ("null" in schema["type"]) == (name != "id")
