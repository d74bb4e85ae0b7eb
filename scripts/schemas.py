"""Schemas of a tap's streams, made from the vendor's OpenAPI document.

    python -m scripts.schemas tap_dixa path/to/document.json

It writes ``tap_dixa/schemas/*.json`` anew: what a newer document changes is to be seen in the diff.
Path, method, place of the records, key and the parent's fields of a stream are those of its class.
A stream whose path is not in the document keeps the schema that somebody wrote.

What a vendor promises and what it sends are two things, so that little is promised here:

- Everything but the key may be null, and nothing is required.
- A list of values is named in the description and not enforced: vendors add values.
- A union of objects is one object with the properties of all, and the one that tells which it is.
- Recursion ends in an open object; so does what is too deep, or too long for a column's name.

What the document has wrong or leaves out stands in ``scripts/overrides/tap_dixa.yaml``, with the
reason. ``discriminator`` is the property that tells the objects of a union apart where the document
does not say so; ``deepest`` how many objects within objects are described; ``nouns`` and
``objects`` name a stream's record, and the object of a property, in descriptions; ``members`` has
the one member of a union that a stream's records are; ``streams`` has a merge patch (RFC 7396) for
each stream, or ``by hand`` for a schema that is left alone.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import re
import sys
import typing as t
from pathlib import Path

import yaml

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import ModuleType

    Json = t.Any
    Schema = Mapping[str, t.Any]

ROOT = Path(__file__).parent.parent
BY_HAND = "by hand"
DEEPEST = 5
"""Objects within objects, unless the overrides say otherwise; then an object stays open."""
LONGEST_COLUMN = 62
"""Characters of the name of a flattened column that no target shortens."""
MOST_VALUES = 24
"""A description names so many values; of longer lists the first few."""
LONGEST_LINE = 100
LONGEST_DESCRIPTION = 250

_COMBINED = ("allOf", "oneOf", "anyOf")
_SAYING = ("type", "properties", "additionalProperties", "items", "enum")
_VERSION = re.compile(r"^/(v\d+|beta)(?=/)")
_PLACEHOLDER = re.compile(r"{[^}]*}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_VALUES = re.compile(r"^values: \[(.*)\]$", re.DOTALL)
_MARKUP = re.compile(r"<[^>]+>")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_SPELLED = {
    "ai": "AI",
    "html": "HTML",
    "ip": "IP",
    "sla": "SLA",
    "url": "URL",
    "urls": "URLs",
}
_KINDS_OF_ID = {"display", "external", "public", "unique"}
_SAID = {
    "email": "email address",
    "emails": "email addresses",
    "from": "sender",
    "to": "recipients",
}
"""Names, or ends of names, that say little by themselves."""
_WRAPPERS = {"attributes", "data", "details", "restrictions", "usages", "values"}
"""Objects that are nothing of their own: what is in them is the owner's."""


class DocumentError(ValueError):
    """The document does not have what a stream says."""


@dataclasses.dataclass(frozen=True)
class Node:
    """A schema of the document, and where it was found.

    Args:
        schema: The schema as it stands there.
        within: The references that led to it: one that comes again is a recursion.
    """

    schema: Schema
    within: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a value stands in a record.

    Args:
        name: Its property.
        owner: What it is a property of, in words.
        columns: The names that make up the name of its column; None within a list.
        depth: How many objects it is in.
    """

    name: str
    owner: str
    columns: tuple[str, ...] | None = ()
    depth: int = 0

    def inside(self, name: str, owner: str) -> Place:
        """A property of the object that stands here."""
        columns = None if self.columns is None else (*self.columns, name)
        return Place(name, owner, columns, self.depth + 1)


class Document:
    """An OpenAPI document.

    Args:
        content: The document.
        discriminator: The property that tells the objects of a union apart where the document
            does not say so; None: there is none.
        deepest: How many objects within objects are described.
        objects: Nouns for the objects of some properties.
    """

    def __init__(
        self,
        content: Json,
        discriminator: str | None = None,
        deepest: int = DEEPEST,
        objects: Mapping[str, str] | None = None,
    ) -> None:
        """Index its paths without their versions and the names of their parameters."""
        self._objects = objects or {}
        self._content = content
        self._discriminator = discriminator
        self._deepest = deepest
        self._operations: dict[str, Mapping[str, Json]] = {}
        for path, operations in content["paths"].items():
            self._operations.setdefault(_plain(path), operations)

    def record(
        self, path: str, method: str, records_key: str | tuple[str, ...] | None
    ) -> tuple[list[Node], list[Json]] | None:
        """The schema of a stream's records, and the records of the examples.

        Args:
            path: The stream's; its parameters are matched by their position.
            method: The stream's.
            records_key: Where the records are in the response, keys joined with dots; several
                where each of them holds some; None: at the top.

        Returns:
            None if the document does not have the path.

        Raises:
            DocumentError: It has, but no records in that place.
        """
        operation = self._operations.get(_plain(path), {}).get(method.lower())
        if operation is None:
            return None
        content = self._response(operation)
        samples = [content.get("example")]
        samples += [each.get("value") for each in content.get("examples", {}).values()]
        top = Node(content["schema"])
        places = records_key if isinstance(records_key, tuple) else (records_key,)
        found = [self._at_place(top, samples, place) for place in places]
        for place, (nodes, _) in zip(places, found, strict=True):
            if not nodes:
                msg = f"the response of {method} {path} has no '{place}'"
                raise DocumentError(msg)
        nodes = [node for nodes, _ in found for node in nodes]
        return nodes, [sample for _, some in found for sample in some]

    def _at_place(
        self, top: Node, samples: Sequence[Json], place: str | None
    ) -> tuple[list[Node], list[Json]]:
        """The schemas and the samples of the records in a place of the response."""
        nodes = [top]
        for key in place.split(".") if place else ():
            nodes = self._members(nodes).get(key, [])
            samples = [each[key] for each in samples if isinstance(each, dict) and key in each]
        items = self._items(nodes)
        return (items, _flat(samples)) if items else (nodes, [*samples])

    def member(self, nodes: Sequence[Node], name: str) -> list[Node]:
        """One member of a union of records, with what all members have.

        Args:
            nodes: The schemas of the records.
            name: The value that tells its records apart.

        Raises:
            DocumentError: There is none of this name.
        """
        for node in nodes:
            union = self._at(node.schema["$ref"]) if "$ref" in node.schema else node.schema
            found = union.get("discriminator", {}).get("mapping", {}).get(name)
            if found is not None:
                common = {key: union[key] for key in union if key not in ("oneOf", "discriminator")}
                return [Node(common, node.within), Node({"$ref": found}, node.within)]
        msg = f"its records are no union with a member '{name}'"
        raise DocumentError(msg)

    def _response(self, operation: Mapping[str, Json]) -> Mapping[str, Json]:
        codes = sorted(code for code in operation["responses"] if str(code).startswith("2"))
        response = operation["responses"][codes[0]]
        while "$ref" in response:
            response = self._at(response["$ref"])
        found: Mapping[str, Json] = next(iter(response["content"].values()))
        return found

    def _at(self, reference: str) -> Json:
        found = self._content
        for key in reference.removeprefix("#/").split("/"):
            found = found[key.replace("~1", "/").replace("~0", "~")]
        return found

    # From the document's schemas to those of a stream

    def schema(self, nodes: Sequence[Node], place: Place, samples: Sequence[Json]) -> Json:
        """The schema of a value that is what one of some schemas says, or all of them.

        Args:
            nodes: The schemas.
            place: Where the value stands.
            samples: What the examples have there.
        """
        parts = [part for node in nodes for part in self._parts(node)]
        types = _types([part.schema for part in parts])
        made: dict[str, Json] = {}
        if types:
            made["type"] = [*types, "null"]
        if types == ["string"] and _is_time([part.schema for part in parts], samples):
            made["format"] = "date-time"
        made["description"] = self._description(nodes, parts, place, made)
        if "array" in types:
            of_item = dataclasses.replace(place, columns=None)
            items = self.schema(self._items(parts), of_item, _flat(samples))
            made["items"] = {key: value for key, value in items.items() if key != "description"}
        if "object" in types:
            made |= self._object(parts, place, samples)
        return made

    def _object(self, parts: Sequence[Node], place: Place, samples: Sequence[Json]) -> Json:
        """What is said of an object in addition: its properties, or that it is open."""
        members = self._members(parts)
        name = _singular(place.name) if place.columns is None else place.name
        owner = self._objects.get(place.name) or " ".join(words(name))
        if place.name in _WRAPPERS:
            owner = place.owner
        inner = {name: place.inside(name, owner) for name in sorted(members)}
        columns = ("__".join(each.columns or ()) for each in inner.values())
        is_recursive = any("$ref" in part.schema for part in parts)
        if (
            not members
            or is_recursive
            or place.depth >= self._deepest
            or any(len(column) > LONGEST_COLUMN for column in columns)
        ):
            return {"additionalProperties": True}
        return {
            "properties": {
                name: self.schema(
                    members[name],
                    inner[name],
                    [each[name] for each in samples if isinstance(each, dict) and name in each],
                )
                for name in inner
            }
        }

    def _parts(self, node: Node) -> Iterator[Node]:
        """A schema without references and combinations: all that it is made of.

        Whether all of it holds (``allOf``) or some does not matter where nothing is required.
        """
        schema = node.schema
        if reference := schema.get("$ref"):
            if reference in node.within:
                yield node  # the recursion, as which ``_object`` knows it
            else:
                yield from self._parts(Node(self._at(reference), (*node.within, reference)))
            return
        combined = [part for word in _COMBINED for part in schema.get(word, ())]
        if not combined or any(word in schema for word in _SAYING):
            yield Node({key: schema[key] for key in schema if key not in _COMBINED}, node.within)
        every = [[*self._parts(Node(part, node.within))] for part in combined]
        options = [*zip(combined, every, strict=True)][len(schema.get("allOf", ())) :]
        objects = [
            (option, parts)
            for option, parts in options
            if _types([part.schema for part in parts]) == ["object"]
        ]
        told = schema.get("discriminator", {})
        names = sorted(told.get("mapping", ())) or [self._title(part) for part, _ in objects]
        if len(objects) > 1 and not any(self._members(parts) for _, parts in objects):
            # A union of objects without properties is a list of names: that is what is sent.
            yield Node({"type": "string", "enum": names})
            return
        for parts in every:
            yield from parts
        if (name := told.get("propertyName", self._discriminator)) and len(objects) > 1:
            yield Node({"type": "object", "properties": {name: {"type": "string", "enum": names}}})

    def _title(self, schema: Schema) -> str:
        """What the objects of a union are called."""
        reference: str = schema.get("$ref", "")
        titled = self._at(reference) if reference else schema
        return str(titled.get("title") or reference.rpartition("/")[2])

    def _members(self, nodes: Iterable[Node]) -> dict[str, list[Node]]:
        """The properties of all, each with all its schemas."""
        members: dict[str, list[Node]] = {}
        for node in nodes:
            for part in self._parts(node):
                for name, inner in part.schema.get("properties", {}).items():
                    members.setdefault(name, []).append(Node(inner, part.within))
        return members

    def _items(self, nodes: Iterable[Node]) -> list[Node]:
        """The schemas of the items of all."""
        return [
            Node(part.schema["items"], part.within)
            for node in nodes
            for part in self._parts(node)
            if "items" in part.schema
        ]

    def _description(
        self, nodes: Sequence[Node], parts: Sequence[Node], place: Place, made: Schema
    ) -> str:
        """The document's words, or words made of the name; and the values that it lists."""
        items = self._items(parts)
        told = [text for node in nodes for text in self._told(node)]
        told += [text for item in items for text in self._told(item) if _VALUES.match(text)]
        every = [*parts, *(part for item in items for part in self._parts(item))]
        values = {str(value) for part in every for value in part.schema.get("enum", ())}
        for listed in filter(None, map(_VALUES.match, told)):
            values |= {value.strip() for value in listed[1].split(",")}
        own = (shortened(text) for text in told if not _VALUES.match(text))
        text = next(filter(None, own), None) or described(place.name, place.owner, made)
        named = _listing(sorted(values - {"", "None"}))
        if not named:
            return text
        if "object" in made.get("type", ()):
            return f"{text} Keys: {named}."
        if ":" in text or ". " in text or not text.endswith("."):
            return f"{text} One of {named}."
        return f"{text[:-1]}: {named}."

    def _told(self, node: Node) -> Iterator[str]:
        """The descriptions of a schema, its own first, and of what it refers to."""
        if "description" in node.schema:
            yield node.schema["description"]
        if (reference := node.schema.get("$ref")) and reference not in node.within:
            yield from self._told(Node(self._at(reference), (*node.within, reference)))


def _plain(path: str) -> str:
    return _PLACEHOLDER.sub("{}", _VERSION.sub("", path))


def _flat(samples: Iterable[Json]) -> list[Json]:
    return [item for sample in samples if isinstance(sample, list) for item in sample]


def _types(schemas: Iterable[Schema]) -> list[str]:
    """The types of a value, null aside; none if it can be anything that a column can hold."""
    types: dict[str, None] = {}
    for schema in schemas:
        listed = schema.get("type")
        if listed is None:
            if "properties" in schema or "$ref" in schema:
                listed = "object"
            elif "items" in schema:
                listed = "array"
            elif "enum" in schema:
                listed = "string"
            else:
                return []
        types.update(dict.fromkeys([listed] if isinstance(listed, str) else listed))
    types.pop("null", None)
    if "number" in types:
        types.pop("integer", None)
    # Targets into databases have no column for a boolean or a number, and readers stumble over
    # the properties of an object beside the items of a list.
    if len(types) > 1 and ("boolean" in types or {"object", "array"} <= types.keys()):
        return []
    return list(types)


def _is_time(schemas: Sequence[Schema], samples: Sequence[Json]) -> bool:
    """Whether text is a time, by its format or, where none is told, by all of its examples."""
    formats = {schema.get("format") for schema in schemas}
    texts = [sample for sample in samples if sample is not None]
    by_example = bool(texts) and all(isinstance(x, str) and _TIME.fullmatch(x) for x in texts)
    return formats == {"date-time"} or (formats == {None} and by_example)


# Words


def words(name: str) -> list[str]:
    """The words of a name: ``avatarUrl`` and ``avatar_url`` alike."""
    *before, last = [word.lower() for word in _WORD.findall(name)] or [name]
    if not before or last.startswith("email"):
        last = _SAID.get(last, last)
    return [_SPELLED.get(word, word) for word in (*before, *last.split())]


def _singular(name: str) -> str:
    for ending, one in (("sses", "ss"), ("ies", "y"), ("ches", "ch"), ("ss", "ss"), ("s", "")):
        if name.endswith(ending):
            return name.removesuffix(ending) + one
    return name


def shortened(text: str) -> str | None:
    """The first sentence or two of a description; None if it says nothing."""
    plain = " ".join(_LINK.sub(r"\1", _MARKUP.sub("", text.replace("<br/>", " "))).split())
    sentences = _SENTENCE.split(plain)
    said = " ".join(sentences[:2])
    if len(said) > LONGEST_DESCRIPTION:
        said = sentences[0]
    if len(said) > LONGEST_DESCRIPTION:
        said = said[:LONGEST_DESCRIPTION].rpartition(" ")[0].rstrip(",;:") + " …"
    if len(said.split()) < 2:  # noqa: PLR2004 - a single word repeats the name
        return None
    return said[0].upper() + said[1:] + ("" if said[-1] in ".!?…" else ".")


def described(name: str, owner: str, schema: Schema) -> str:  # noqa: PLR0911 - a case each
    """A description made of a property's name.

    Args:
        name: The property's.
        owner: What it is a property of.
        schema: What is known of it.
    """
    match words(name):
        case ["id"]:
            return f"Unique id of the {owner}."
        case ["type"]:
            return f"Kind of {owner}."
        case [*others, "id"] if others[0] not in _KINDS_OF_ID:
            return f"Id of the {' '.join(others)}."
        case ["last" | "first" as order, verb, "at"] if verb.endswith("ed"):
            return f"When the {owner} was {order} {verb}."
        case [*others, verb, "at"] if verb.endswith("ed") and "format" in schema:
            what = f"{' '.join(others)} of the {owner}" if others else owner
            return f"When the {what} was {verb}."
        case [*others, verb, "by"] if verb.endswith("ed"):
            return f"User by whom the {owner} was {' '.join([*others, verb])}."
        case ["is" | "has" | "was" as verb, *others, last] if "boolean" in schema.get("type", ()):
            if others and last.endswith("ed"):
                return f"Whether {' '.join(others)} {verb} {last} for the {owner}."
            return f"Whether the {owner} {verb} {' '.join([*others, last])}."
        case found:
            of = owner.split()
            said = " ".join(found[len(of) :] if found[: len(of)] == of != found else found)
            return f"{said[0].upper()}{said[1:]} of the {owner}."


def _listing(values: Sequence[str]) -> str:
    """Values in words, at least the first few."""
    quoted = [f"`{value}`" for value in values]
    if len(values) > MOST_VALUES:
        return f"{', '.join(quoted[:10])} and others"
    return " or ".join(filter(None, (", ".join(quoted[:-1]), *quoted[-1:])))


# Files


def patched(value: Json, patch: Json) -> Json:
    """A value with a JSON merge patch (RFC 7396) applied."""
    if not isinstance(patch, dict):
        return patch
    made = dict(value) if isinstance(value, dict) else {}
    for name, inner in patch.items():
        if inner is None:
            made.pop(name, None)
        else:
            made[name] = patched(made.get(name), inner)
    return made


def written(schema: Json, start: str = "", indent: str = "") -> str:
    """JSON as a person writes it: what is short stands on one line.

    Args:
        schema: A schema, or a part of one.
        start: What stands before it on its line.
        indent: How far that line is indented.
    """
    line = start + json.dumps(schema, ensure_ascii=False)
    if not isinstance(schema, dict) or (
        "properties" not in schema and len(indent + line) < LONGEST_LINE
    ):
        return indent + line
    members = (
        written(value, f"{json.dumps(key)}: ", f"{indent}  ") for key, value in schema.items()
    )
    return f"{indent}{start}{{\n" + ",\n".join(members) + f"\n{indent}}}"


def in_order(schema: Json) -> Json:
    """A schema with its words in the order of reading, its properties in the alphabet's."""
    order = ("type", "format", "description", "additionalProperties", "items", "properties")
    made = {word: schema[word] for word in (*order, *schema) if word in schema}
    if "items" in made:
        made["items"] = in_order(made["items"])
    if "properties" in made:
        made["properties"] = {
            name: in_order(inner) for name, inner in sorted(made["properties"].items())
        }
    return made


def stream_classes(module: ModuleType) -> Iterator[t.Any]:
    """The stream classes of a module, as the tap finds them."""
    for each in vars(module).values():
        if isinstance(each, type) and each.__module__ == module.__name__:
            yield each


def stream_schema(  # noqa: PLR0913, PLR0917
    document: Document, stream: t.Any, noun: str, patch: Json, parent: Json, member: str = ""
) -> Json | None:
    """The schema of a stream; None if its path is not in the document.

    Args:
        document: The vendor's.
        stream: Its class.
        noun: What one of its records is called.
        patch: Its overrides.
        parent: The schema of its parent, where it has fields of it.
        member: Which member of a union its records are; empty: any.

    Raises:
        DocumentError: What the class says is not what the document says.
    """
    method = stream.http_method if isinstance(stream.http_method, str) else "GET"
    found = document.record(stream.path, method, stream.records_key)
    if found is None:
        return None
    nodes, samples = found
    nodes = document.member(nodes, member) if member else nodes
    place = Place(noun, "")
    schema = document.schema(nodes, place, samples)
    made: dict[str, Json] = {"type": "object", "properties": dict(schema.get("properties", {}))}
    for own, theirs in stream.parent_fields.items():
        what = " ".join(words(own.removesuffix("_id")))
        if (of_parent := parent["properties"].get(theirs)) is None:
            if own in made["properties"]:  # the parent finds it elsewhere, and the records have it
                continue
            msg = f"its parent has no '{theirs}'"
            raise DocumentError(msg)
        made["properties"][own] = {
            **{word: of_parent[word] for word in ("type", "format") if word in of_parent},
            "description": f"The {what}, `{theirs}` of `{stream.parent_stream_type.name}`.",
        }
    for own, path in stream.inner_keys.items():
        made["properties"][own] = {
            "type": ["string", "null"],
            "description": f"The `{'.'.join(path)}` of the {noun}, as part of the key.",
        }
    made = patched(made, patch)
    for key in stream.primary_keys:
        if key not in made["properties"]:
            msg = f"its key '{key}' is not in the document"
            raise DocumentError(msg)
        made["properties"][key] = _not_null(made["properties"][key])
    return in_order(made)


def _not_null(schema: Json) -> Json:
    types = schema.get("type")
    if not isinstance(types, list):
        return schema
    left = [name for name in types if name != "null"]
    return {**schema, "type": left[0] if len(left) == 1 else left}


def update(
    streams: Iterable[t.Any], content: Json, overrides: Json, folder: Path
) -> Iterator[tuple[str, str]]:
    """Write the schemas of streams.

    Args:
        streams: Their classes, parents before their children.
        content: The OpenAPI document.
        overrides: What it has wrong or leaves out.
        folder: Of the files.

    Yields:
        Each stream, and what became of its schema.

    Raises:
        DocumentError: A stream's class and the document do not agree.
    """
    patches, nouns, members = (overrides.get(name, {}) for name in ("streams", "nouns", "members"))
    deepest = overrides.get("deepest", DEEPEST)
    document = Document(content, overrides.get("discriminator"), deepest, overrides.get("objects"))
    for stream in streams:
        file = folder / f"{stream.name}.json"
        patch = patches.get(stream.name, {})
        if patch == BY_HAND or not stream.path:
            yield stream.name, BY_HAND
            continue
        parent: Json = None
        if stream.parent_fields:
            of_parent = folder / f"{stream.parent_stream_type.name}.json"
            parent = json.loads(of_parent.read_text(encoding="utf-8"))
        try:
            noun = nouns.get(stream.name, _singular(stream.name))
            schema = stream_schema(
                document, stream, noun, patch, parent, members.get(stream.name, "")
            )
        except DocumentError as error:
            msg = f"{stream.name}: {error}"
            raise DocumentError(msg) from None
        if schema is None:
            yield stream.name, f"{BY_HAND}: the document does not have {stream.path}"
            continue
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        text = written(schema) + "\n"
        file.write_text(text, encoding="utf-8")
        yield stream.name, "unchanged" if text == before else "written"


def load(file: Path) -> Json:
    """A document in JSON or YAML."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".json":
        return json.loads(text)
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506


def main() -> int:
    """Make the schemas of a tap."""
    parser = argparse.ArgumentParser(description="Schemas from an OpenAPI document.")
    parser.add_argument("tap", help="the tap's package, tap_dixa for example")
    parser.add_argument("document", type=Path, help="the vendor's document, JSON or YAML")
    asked = parser.parse_args()
    overrides = ROOT / "scripts" / "overrides" / f"{asked.tap}.yaml"
    try:
        streams = stream_classes(importlib.import_module(f"{asked.tap}.streams"))
        for name, what in update(
            streams,
            load(asked.document),
            load(overrides) if overrides.exists() else {},
            ROOT / asked.tap / "schemas",
        ):
            print(f"{name}: {what}")
    except (OSError, ImportError, DocumentError, ValueError, yaml.YAMLError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
