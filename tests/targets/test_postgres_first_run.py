"""All rows of all streams in a real PostgreSQL, column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from sandbox import Sandbox

from .conftest import SPAN
from .postgres import IN_UTC, Database, assert_same, truth
from .tools import Outcome, Pipeline, loader, tap_config
from .truth import ALL_STREAMS, STREAMS, schema_of, types_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class FirstRun(NamedTuple):
    """The rows that a first run has left."""

    box: Sandbox
    database: Database
    outcome: Outcome


@pytest.fixture(scope="module")
def first_runs(
    new_database: Callable[[], Database], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], FirstRun]]:
    """The first run of a tap, made when it is first asked for; the tests only look at it."""
    runs: dict[str, FirstRun] = {}

    with Sandbox(seed=1, size=150, span=SPAN, rate_limits=False) as box:

        def run(vendor: str) -> FirstRun:
            if vendor not in runs:
                database = new_database()
                config = database.target_config(vendor)
                folder = tmp_path_factory.mktemp(vendor)
                pipeline = Pipeline(folder, vendor, loader("target-postgres"), config, IN_UTC)
                runs[vendor] = FirstRun(box, database, pipeline.run(tap_config(box, vendor)))
            return runs[vendor]

        yield run
    for run_made in runs.values():
        run_made.database.close()


@pytest.mark.parametrize(("vendor", "stream"), ALL_STREAMS)
def test_every_row_is_what_the_vendor_sent(
    first_runs: Callable[[str], FirstRun], vendor: str, stream: str
) -> None:
    box, database, outcome = first_runs(vendor)
    outcome.succeeded()
    expected = truth(box, vendor, stream)
    assert len(expected) >= 50
    assert_same(database.table(vendor, stream), expected)


@pytest.mark.parametrize(("vendor", "stream"), ALL_STREAMS)
def test_every_column_has_the_type_that_its_property_means(
    first_runs: Callable[[str], FirstRun], vendor: str, stream: str
) -> None:
    types = first_runs(vendor).database.column_types(vendor, stream)
    properties = schema_of(vendor, stream)
    assert {name: types[name] for name in properties} == {
        name: column_type(schema) for name, schema in properties.items()
    }


@pytest.mark.parametrize("vendor", STREAMS)
def test_the_state_that_comes_out_is_the_last_that_went_in(
    first_runs: Callable[[str], FirstRun], vendor: str
) -> None:
    outcome = first_runs(vendor).outcome
    last = outcome.emitted.rstrip().rpartition(b"\n")[2]
    assert last.startswith(b'{"type":"STATE"')
    assert outcome.states.splitlines()[-1] in last.replace(b'":', b'": ').replace(b",", b", ")


def column_type(schema: dict[str, Any]) -> str:
    """Columns as a user expects them: mixed values are JSON, lists of one type are arrays of it."""
    types = types_of(schema)
    if len(types) > 1:
        return "jsonb"
    (kind,) = types
    if kind == "array":
        items = types_of(schema["items"]) if schema.get("items") else set()
        return {"string": "text[]", "object": "jsonb[]"}.get("".join(items), "jsonb")
    if schema.get("format") == "date-time":
        return "timestamp without time zone"
    names = {"string": "text", "integer": "bigint", "number": "numeric", "object": "jsonb"}
    return names.get(kind, kind)
