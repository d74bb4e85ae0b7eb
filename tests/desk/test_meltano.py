"""`meltano.yml` runs the desk on what the taps have loaded."""

from __future__ import annotations

import typing as t

import pytest
import yaml

from scripts.desk import streams_of
from scripts.taps import programs, streams, taps, vendor_of
from tests.conftest import ROOT

Json = t.Any


@pytest.fixture(scope="module")
def meltano_yml() -> Json:
    return yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))


def test_one_job_loads_all_vendors_and_makes_desk_and_page(meltano_yml: Json) -> None:
    (job,) = [it for it in meltano_yml["jobs"] if it["name"] == "support-desk"]
    loads = [f"{tap} target-postgres" for tap in programs()]
    assert job["tasks"] == [*loads, "desk:build", "desk:page"]


@pytest.mark.parametrize("setting", ["host", "port", "user", "password", "database"])
def test_the_desk_is_in_the_database_of_the_target(meltano_yml: Json, setting: str) -> None:
    (desk,) = meltano_yml["plugins"]["utilities"]
    values = {it["name"]: it.get("value") for it in desk["settings"]}
    assert values[setting] == f"$TARGET_POSTGRES_{setting.upper()}"
    profile = (ROOT / "transform" / "profiles.yml").read_text(encoding="utf-8")
    assert f"env_var('DESK_{setting.upper()}'" in profile


@pytest.mark.parametrize("tap", programs())
def test_models_read_streams_that_the_tap_has(tap: str) -> None:
    vendor = vendor_of(tap)
    names = {stream.name for stream in streams(taps()[tap])}
    assert streams_of(vendor) <= names
    file = ROOT / "transform" / "models" / "staging" / vendor / f"_{vendor}__sources.yml"
    (source,) = yaml.safe_load(file.read_text(encoding="utf-8"))["sources"]
    assert {table["name"] for table in source["tables"]} == streams_of(vendor)
