"""The catalog that ``--discover`` prints, without any setting."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from tests.common import undescribed
from tests.conftest import assert_golden, discovered

if t.TYPE_CHECKING:
    from tests.conftest import Record

GOLDENS = Path(__file__).parent / "goldens"
MODULE = "tap_devrev"


def test_the_catalog_is_the_golden_one() -> None:
    """Without the schemas, which are files already."""
    catalog = discovered(MODULE)
    for entry in catalog["streams"]:
        del entry["schema"]
        entry["metadata"] = [item for item in entry["metadata"] if not item["breadcrumb"]]
    assert_golden(GOLDENS / "catalog.json", catalog)


def test_every_property_is_described() -> None:
    assert not undescribed(discovered(MODULE))


@pytest.mark.parametrize(
    "entry", discovered(MODULE)["streams"], ids=lambda entry: str(entry["stream"])
)
def test_only_the_key_is_promised(entry: Record) -> None:
    schema, keys = entry["schema"], set(entry["key_properties"])
    assert keys
    assert keys <= schema["properties"].keys()
    assert schema.get("additionalProperties", True) is not False
    assert not set(schema.get("required", ())) - keys
    promised = keys | ({"object"} if "timeline" in entry["stream"] else set())  # its parent's key
    for name, each in schema["properties"].items():
        # Without a type it may be anything.
        assert ("null" in each.get("type", "null")) == (name not in promised), name
