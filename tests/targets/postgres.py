"""A PostgreSQL of our own, and what is in it."""

from __future__ import annotations

import functools
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.types.json import set_json_loads

from scripts.loaders import shipped

from .truth import EXPORTS, STREAMS, Row, exact, loaded, schema_of, sent

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sandbox import Sandbox

Table = dict[tuple[Any, ...], Row]
"""Rows by their key."""

TIME_ZONE = "America/New_York"
"""Of every database here: where times are not told to be in UTC, they come out shifted."""

IN_UTC = shipped("target-postgres").env
"""The variable with which a session of target-postgres is in UTC, as in `meltano.yml`."""


class Database:
    """A new database of the server, in a time zone far from UTC.

    Args:
        server: The folder in which the server listens.
        name: The database.
    """

    def __init__(self, server: Path, name: str) -> None:
        self.server = server
        self.name = name
        with psycopg.connect(host=str(server), user="postgres", autocommit=True) as connection:
            connection.execute(f"create database {name}".encode())
            zone = f"alter database {name} set timezone to '{TIME_ZONE}'"
            connection.execute(zone.encode())
        self.url = f"postgresql+psycopg://postgres@/{name}?host={server}"
        self._connection = psycopg.connect(
            host=str(server), user="postgres", dbname=name, autocommit=True
        )
        # Numbers in jsonb are decimals, to the last digit.
        loads = functools.partial(json.loads, parse_float=Decimal)
        set_json_loads(loads, self._connection)

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()

    def target_config(self, vendor: str, **changes: Any) -> dict[str, Any]:
        """A configuration of target-postgres as `meltano.yml` ships it, a schema for each tap."""
        settings = shipped("target-postgres").settings
        # Where the database is, is a setting of its own in the place of these.
        del settings["port"]
        return {
            **settings,
            "sqlalchemy_url": self.url,
            "default_target_schema": f"tap_{vendor}",
            **changes,
        }

    def table(self, vendor: str, stream: str, schema: str = "") -> Table:
        """The columns that have a property; no key twice. The schema is by default the tap's."""
        names = list(schema_of(vendor, stream))
        query = sql.SQL("select {} from {}").format(
            sql.SQL(", ").join(map(sql.Identifier, names)),
            sql.Identifier(schema or f"tap_{vendor}", stream),
        )
        rows = [
            {name: exact(value) for name, value in zip(names, row, strict=True)}
            for row in self._connection.execute(query)
        ]
        table = by_key(vendor, stream, rows)
        assert len(table) == len(rows), "a key is there twice"
        return table

    def column_types(self, vendor: str, stream: str) -> dict[str, str]:
        """The types of a table's columns."""
        query = (
            "select attname, format_type(atttypid, atttypmod) from pg_attribute "
            "where attrelid = %s::regclass and attnum > 0"
        )
        rows = self._connection.execute(query, (f"tap_{vendor}.{stream}",))
        return dict(rows.fetchall())

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """The rows that a query finds."""
        return self._connection.execute(query.encode()).fetchall()


def by_key(vendor: str, stream: str, rows: Iterable[Row]) -> Table:
    """Rows by the values of their key."""
    keys = STREAMS[vendor][stream].primary_keys or ()
    return {tuple(row[key] for key in keys): row for row in rows}


def truth(box: Sandbox, vendor: str, stream: str) -> Table:
    """The rows that a table must have."""
    rows = (loaded(vendor, stream, record) for record in sent(box, vendor, stream))
    return by_key(vendor, stream, rows)


def assert_same(found: Table, expected: Table) -> None:
    """Compare row by row and column by column, so that a failure names them."""
    assert found.keys() == expected.keys()
    wrong = {
        name: (key, row[name], expected[key][name])
        for key, row in found.items()
        for name in row
        if row[name] != expected[key][name]
    }
    assert not wrong, f"columns that differ (a key, what is there, what was sent): {wrong}"


def assert_holds_truth(
    database: Database, box: Sandbox, vendor: str, streams: Iterable[str] = (), schema: str = ""
) -> None:
    """The tables of these streams, or of the exports, are the sandbox's truth."""
    for stream in streams or EXPORTS[vendor]:
        assert_same(database.table(vendor, stream, schema), truth(box, vendor, stream))
