"""SCHEMA messages, kept true: what leaves in a RECORD is listed in the SCHEMA before it, and valid.

A catalog that was saved long ago lacks fields; vendors send new ones, and values of other types
than they document; stream maps compute whatever they like. So what leaves is looked at last, after
selection, maps and flattening, on every path (lines of the fast path, the SDK's records, batches).
Where the SCHEMA in force does not hold, it is widened and sent again:

- A field of the tap's own schema is announced with its definition there.
- A new field is announced with the type that was seen, and null. As null alone says no type, a null
  is waited out. Text is announced as text, also if it looks like a time: a target that made it a
  time would refuse the next one that is none, and many never change the type of a column.
- A value of another type than the SCHEMA says adds its type, a text that is no date-time takes the
  format away, wherever inside the record that is. A field that is not listed inside an object
  needs nothing, unless the catalog says ``additionalProperties: false``.

A new field is not announced, though it leaves and is counted at the end of the run, if

- no column can have its name (PostgreSQL's rules, which are the narrowest of the databases that
  Singer targets write to: 1 to 63 bytes, printable, not a system column; a ``%`` is taken for a
  placeholder by drivers), so that it would stop the target in every run; or
- another field has the same name once targets have made it a column's, in lower case with
  underscores (``formSubmission`` beside ``form_submission``): the column would be there twice; or
- a hundred others were announced before it: a vendor with that many is sending data as names.

JSON Schema allows fields that are not listed; where a catalog does not, the SCHEMA is opened.
"""

from __future__ import annotations

import re
import typing as t

from singer_sdk.singerlib import SchemaMessage

from support_taps.json_codec import decode, encode
from support_taps.records.validity import of_value, validity, widened

if t.TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence

    Json = t.Any
    Schema = dict[str, t.Any]

MOST_NEW_FIELDS: t.Final = 100
"""No honest change of an API adds as many."""

_DESCRIPTION = "Sent by the vendor, and not in the schema of this tap."
_LONGEST_COLUMN_NAME = 63
_SYSTEM_COLUMNS = frozenset({"cmax", "cmin", "ctid", "oid", "tableoid", "xmax", "xmin"})
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_LETTER = re.compile(r"\W")
_JSON_TEXT = ("string", ["string", "null"], ["null", "string"])


class Output:
    """One stream as a target sees it, with the SCHEMA in force for it.

    Args:
        stream: Its name there, which a stream map may have chosen.
        schema: The first SCHEMA.
        keys: Names of the key properties.
        bookmarks: Names of the properties that a bookmark counts.
        definitions: The properties that it could have by the tap's own schema.
        is_flattened: Whether objects and arrays are turned into text.
    """

    def __init__(  # noqa: PLR0913 - what a SCHEMA says, and two things more
        self,
        stream: str,
        schema: Schema,
        keys: Sequence[str] | None = None,
        bookmarks: list[str] | None = None,
        definitions: Mapping[str, Json] | None = None,
        *,
        is_flattened: bool = False,
    ) -> None:
        """Begin with the schema as it is."""
        self.stream = stream
        self.schema = schema
        self.has_changed = False
        self._keys = None if keys is None else list(keys)
        self._bookmarks = bookmarks
        self._definitions = definitions or {}
        self._texts = [
            name
            for name, field in {**self._definitions, **schema.get("properties", {})}.items()
            if is_flattened and field.keys() == {"type"} and field["type"] in _JSON_TEXT
        ]
        self._new_fields = 0
        self._columns = set(map(column_name, (*self._listed, *self._definitions)))
        self._is_valid: Callable[[Json], bool] | None = None  # made when it is needed

    @property
    def _listed(self) -> Mapping[str, Json]:
        listed: Mapping[str, Json] = self.schema.get("properties", {})
        return listed

    def take(self, record: dict[str, Json], valid: Container[str] = ()) -> None:
        """See to it that a record that is about to leave is listed and valid.

        Args:
            record: As it leaves. Under flattening, values that are neither text nor null become
                text where the schema says so because an object or array could come.
            valid: Fields that are known to be listed and valid.
        """
        for name in self._texts:
            if record.get(name) is not None and type(record[name]) is not str:
                record[name] = encode(record[name]).decode()
        listed = self._listed
        new = [
            name
            for name, value in record.items()
            if name not in listed and self._announces(name, value)
        ]
        if self._is_valid is None:
            self._is_valid = validity(self.schema)
        rest = {name: value for name, value in record.items() if name not in valid}
        if not new and self._is_valid(rest):
            return
        sent = decode(encode(record))
        schema: Schema = {**self.schema, "properties": {**listed, **self._fields(new, sent)}}
        wide: Schema = widened(schema if new else self.schema, sent)
        if wide is not self.schema:
            self.schema = wide
            self.has_changed = True
            self._is_valid = None

    def message(self) -> SchemaMessage:
        """The SCHEMA message, which is in force from now on."""
        self.has_changed = False
        return SchemaMessage(self.stream, self.schema, self._keys, self._bookmarks)

    def _announces(self, name: str, value: Json) -> bool:
        """Whether a field that is not listed is to be."""
        return name in self._definitions or (
            value is not None
            and self._new_fields < MOST_NEW_FIELDS
            and _names_a_column(name)
            and column_name(name) not in self._columns
        )

    def _fields(self, names: Iterable[str], record: dict[str, Json]) -> Schema:
        """Definitions of fields that are to be listed, as far as they may be."""
        fields: Schema = {}
        for name in names:
            if name in self._definitions:
                fields[name] = self._definitions[name]
            elif self._announces(name, record[name]):  # still, after those before it
                fields[name] = {**of_value(record[name]), "description": _DESCRIPTION}
                self._new_fields += 1
                self._columns.add(column_name(name))
        return fields


class Emitter:
    """The outputs of one stream of a tap: several stream maps make several of them.

    Args:
        outputs: One for each stream map that lets records through. Of those with the same name,
            a target knows the last SCHEMA only.
    """

    def __init__(self, outputs: Iterable[Output]) -> None:
        """Know them by name."""
        self._outputs = {output.stream: output for output in outputs}

    def output(self, stream: str) -> Output:
        """The output of a name."""
        return self._outputs[stream]

    def messages(self) -> list[SchemaMessage]:
        """Every SCHEMA in force."""
        return [output.message() for output in self._outputs.values()]

    def changes(self) -> list[SchemaMessage]:
        """The SCHEMA messages that have to be sent before the records just taken."""
        return [output.message() for output in self._outputs.values() if output.has_changed]


def completed(schema: Schema, own: Mapping[str, Json]) -> Schema:
    """A catalog's schema with what only the tap's own schema has, inside of objects too.

    Args:
        schema: The catalog's.
        own: The tap's.
    """
    properties: Schema = dict(schema.get("properties", {}))
    for name, field in own.get("properties", {}).items():
        if name not in properties:
            properties[name] = field
        elif properties[name].get("properties") and field.get("properties"):
            properties[name] = completed(properties[name], field)
    return {**schema, "properties": properties}


def column_name(field: str) -> str:
    """A field's name as the targets that write to databases make it: ``agentName``, agent_name."""
    return _NO_LETTER.sub("_", _HUMP.sub("_", field)).casefold()


def _names_a_column(name: str) -> bool:
    """Whether PostgreSQL, and what writes to it, takes a column of this name."""
    return (
        0 < len(name.encode(errors="replace")) <= _LONGEST_COLUMN_NAME
        and name.isprintable()
        and "%" not in name
        and name.casefold() not in _SYSTEM_COLUMNS
    )
