"""Schemas made from an OpenAPI document: what they say, and what they leave open."""

from __future__ import annotations

import dataclasses
import json
import typing as t

import pytest
import yaml

from scripts import schemas

if t.TYPE_CHECKING:
    from pathlib import Path

Json = t.Any

DOCUMENT: Json = yaml.safe_load("""
paths:
  /beta/pets:
    get:
      responses:
        "200":
          content:
            application/json:
              schema: {$ref: "#/components/schemas/Pets"}
              example:
                data: [{id: a, seenAt: "2025-01-04T14:13:20.581Z[GMT]", note: "2025"}]
    post: {responses: {"201": {$ref: "#/components/responses/created"}}}
  /beta/pets/{petId}/toys/{toyId}:
    get: {responses: {"200": {content: {application/json: {schema: {
      type: array, items: {$ref: "#/components/schemas/Toy"}}}}}}}
  /zoo:
    get: {responses: {"200": {content: {application/json: {schema: {properties: {
      data: {properties: {
        pets: {type: array, items: {$ref: "#/components/schemas/Toy"}},
        birds: {type: array, items: {$ref: "#/components/schemas/Bird"}},
        keeper: {$ref: "#/components/schemas/Toy"}}}}}}}}}}
components:
  responses:
    created: {content: {application/json: {schema: {properties: {
      pet: {$ref: "#/components/schemas/Toy"}}}}}}
  schemas:
    Pets: {properties: {
      data: {type: array, items: {$ref: "#/components/schemas/Pet"}},
      meta: {type: object}}}
    Base:
      properties:
        id: {type: string, format: uuid, description: "Unique identifier of the pet"}
        createdAt: {type: string, format: date-time}
      required: [id]
    Pet:
      allOf:
        - $ref: "#/components/schemas/Base"
        - type: object
          properties:
            size: {type: integer, format: int64}
            weight: {type: number}
            isFed: {type: boolean}
            seenAt: {type: string}
            note: {type: string}
            state: {description: "values: [Well, Ill]", type: string}
            colour: {type: string, enum: [red, blue], description: colour}
            told:
              type: string
              description: |
                What it <b>says</b>, see [the guide](https://example.org/guide). It can
                be long. And a third sentence.
            owner: {$ref: "#/components/schemas/Owner"}
            ownerId: {type: string}
            free: {type: object, additionalProperties: {type: string}}
            any: {description: Whatever the owner enters}
            answer: {oneOf: [{type: array, items: {type: string}}, {type: string}]}
            flag: {oneOf: [{type: boolean}, {type: integer}]}
            parent: {$ref: "#/components/schemas/Pet"}
            friends: {type: array, items: {$ref: "#/components/schemas/Pet"}}
            species: {oneOf: [{$ref: "#/components/schemas/Cat"},
                              {$ref: "#/components/schemas/Bird"}]}
            event: {oneOf: [{type: object, title: Born}, {type: object, title: Sold}]}
    Owner:
      description: Who keeps the pet
      type: object
      properties: {name: {type: string}, address: {properties: {lines: {type: array,
        items: {properties: {street: {type: string}}}}}}}
    Cat: {title: Cat, type: object, properties: {lives: {type: integer}, name: {type: string}}}
    Bird: {title: Bird, type: object, properties: {song: {type: string}, name: {type: string}}}
    Toy: {type: object, properties: {id: {type: integer}}}
""")


@dataclasses.dataclass(frozen=True)
class Stream:
    """What the script looks at in a stream's class."""

    name: str = "pets"
    path: str = "/v1/pets"
    records_key: str | tuple[str, ...] | None = "data"
    primary_keys: tuple[str, ...] = ("id",)
    http_method: str = "GET"
    parent_stream_type: Stream | None = None
    parent_fields: dict[str, str] = dataclasses.field(default_factory=dict)
    inner_keys: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)


def made(folder: Path, stream: Stream, overrides: Json = None, document: Json = DOCUMENT) -> Json:
    """The properties that the script writes for a stream."""
    assert [*schemas.update([stream], document, overrides or {}, folder)]
    schema = json.loads((folder / f"{stream.name}.json").read_text(encoding="utf-8"))
    assert schema["type"] == "object"
    return schema["properties"]


@pytest.fixture
def pet(tmp_path: Path) -> Json:
    return made(tmp_path, Stream(), {"discriminator": "_type"})


def test_types_and_formats_are_kept_and_all_but_the_key_may_be_null(pet: Json) -> None:
    said = {name: (prop.get("type"), prop.get("format")) for name, prop in pet.items()}
    assert said == {
        "id": ("string", None),
        "answer": (["array", "string", "null"], None),
        "any": (None, None),
        "colour": (["string", "null"], None),
        "createdAt": (["string", "null"], "date-time"),
        "event": (["string", "null"], None),
        "flag": (None, None),  # no column holds a boolean or a number
        "free": (["object", "null"], None),
        "friends": (["array", "null"], None),
        "isFed": (["boolean", "null"], None),
        "note": (["string", "null"], None),
        "owner": (["object", "null"], None),
        "ownerId": (["string", "null"], None),
        "parent": (["object", "null"], None),
        "seenAt": (["string", "null"], "date-time"),  # by the example alone
        "size": (["integer", "null"], None),
        "species": (["object", "null"], None),
        "state": (["string", "null"], None),
        "told": (["string", "null"], None),
        "weight": (["number", "null"], None),
    }
    assert list(pet) == sorted(pet)
    assert pet["answer"]["items"] == {"type": ["string", "null"]}


@pytest.mark.parametrize(
    ("name", "description"),
    [
        ("id", "Unique identifier of the pet."),
        ("createdAt", "When the pet was created."),
        ("isFed", "Whether the pet is fed."),
        ("state", "State of the pet: `Ill` or `Well`."),
        ("colour", "Colour of the pet: `blue` or `red`."),
        ("told", "What it says, see the guide. It can be long."),
        ("owner", "Who keeps the pet."),
        ("ownerId", "Id of the owner."),
        ("any", "Whatever the owner enters."),
        ("event", "Event of the pet: `Born` or `Sold`."),
    ],
)
def test_descriptions_are_the_documents_or_made_of_the_name(
    pet: Json, name: str, description: str
) -> None:
    assert pet[name]["description"] == description


def test_objects_have_their_properties_and_maps_are_open(pet: Json) -> None:
    assert pet["free"]["additionalProperties"] is True
    lines = pet["owner"]["properties"]["address"]["properties"]["lines"]
    assert lines["items"]["properties"]["street"] == {
        "type": ["string", "null"],
        "description": "Street of the line.",
    }


def test_a_recursion_ends_in_an_open_object(pet: Json) -> None:
    open_object = {"type": ["object", "null"], "additionalProperties": True}
    assert {**open_object, "description": "Parent of the pet."} == pet["parent"]
    assert pet["friends"]["items"] == open_object


def test_a_union_is_one_object_that_tells_which_it_is(pet: Json, tmp_path: Path) -> None:
    species = pet["species"]["properties"]
    assert set(species) == {"_type", "lives", "name", "song"}
    assert species["_type"]["description"] == "Kind of species: `Bird` or `Cat`."
    assert "_type" not in made(tmp_path, Stream())["species"]["properties"]


def test_a_union_with_a_discriminator_has_it(tmp_path: Path) -> None:
    document = json.loads(json.dumps(DOCUMENT))
    species = document["components"]["schemas"]["Pet"]["allOf"][1]["properties"]["species"]
    species["discriminator"] = {"propertyName": "kind", "mapping": {"cat": "…", "bird": "…"}}
    properties = made(tmp_path, Stream(), document=document)["species"]["properties"]
    assert properties["kind"]["description"] == "Kind of the species: `bird` or `cat`."


def test_a_stream_of_one_member_of_a_union_has_that_and_what_all_have(tmp_path: Path) -> None:
    document = json.loads(json.dumps(DOCUMENT))
    found = document["components"]["schemas"]
    found["Pet"] = {
        "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Bird"}],
        "discriminator": {"mapping": {"bird": "#/components/schemas/Bird"}, "propertyName": "kind"},
        "properties": {"kind": {"type": "string"}},
    }
    stream = Stream(primary_keys=("name",))
    bird = made(tmp_path, stream, {"members": {"pets": "bird"}}, document)
    assert set(bird) == {"kind", "name", "song"}
    with pytest.raises(schemas.DocumentError, match="no union with a member 'cat'"):
        made(tmp_path, stream, {"members": {"pets": "cat"}}, document)


def test_a_key_inside_an_object_becomes_a_property(tmp_path: Path) -> None:
    stream = Stream(primary_keys=("owner_name",), inner_keys={"owner_name": ("owner", "name")})
    assert made(tmp_path, stream)["owner_name"] == {
        "type": "string",
        "description": "The `owner.name` of the pet, as part of the key.",
    }


def test_what_is_too_deep_or_too_long_for_a_column_stays_open(tmp_path: Path) -> None:
    shallow = made(tmp_path, Stream(), {"deepest": 1})
    assert shallow["owner"]["additionalProperties"] is True
    document = json.loads(json.dumps(DOCUMENT))
    owner = document["components"]["schemas"]["Owner"]["properties"]
    owner["x" * schemas.LONGEST_COLUMN] = {"type": "string"}
    assert "properties" not in made(tmp_path, Stream(), document=document)["owner"]


@pytest.mark.parametrize(
    ("stream", "names"),
    [
        (Stream(path="/v2/pets/{pet_id}/toys/{id}", records_key=None), ["id"]),
        (Stream(path="/zoo", records_key="data.pets"), ["id"]),
        (Stream(path="/zoo", records_key="data.keeper"), ["id"]),
        (
            Stream(path="/zoo", records_key=("data.pets", "data.birds")),
            ["id", "name", "song"],
        ),
        (Stream(http_method="POST", records_key="pet"), ["id"]),
    ],
)
def test_records_are_found_by_path_method_and_place(
    stream: Stream, names: list[str], tmp_path: Path
) -> None:
    assert list(made(tmp_path, stream)) == names


def test_a_child_has_the_fields_of_its_parent(tmp_path: Path) -> None:
    pets = Stream()
    made(tmp_path, pets)
    toys = Stream(
        name="toys",
        path="/v1/pets/{pet_id}/toys/{toy_id}",
        records_key=None,
        primary_keys=("pet_id", "id"),
        parent_stream_type=pets,
        parent_fields={"pet_id": "id"},
    )
    assert made(tmp_path, toys)["pet_id"] == {
        "type": "string",
        "description": "The pet, `id` of `pets`.",
    }


def test_a_key_inside_an_object_is_a_field_of_its_own(tmp_path: Path) -> None:
    stream = Stream(primary_keys=("owner_name",), inner_keys={"owner_name": ("owner", "name")})
    assert made(tmp_path, stream)["owner_name"] == {
        "type": "string",
        "description": "The `owner.name` of the pet, as part of the key.",
    }


def test_a_stream_can_be_one_member_of_a_union(tmp_path: Path) -> None:
    document = json.loads(json.dumps(DOCUMENT))
    mapping = {"cat": "#/components/schemas/Cat", "bird": "#/components/schemas/Bird"}
    union = document["components"]["schemas"]["Pet"]["allOf"][1]["properties"]["species"]
    union |= {"discriminator": {"propertyName": "kind", "mapping": mapping}}
    union["properties"] = {"id": {"type": "string"}}
    document["components"]["schemas"]["Pets"]["properties"]["data"]["items"] = union
    birds = made(tmp_path, Stream(), {"members": {"pets": "bird"}}, document)
    assert list(birds) == ["id", "name", "song"]
    with pytest.raises(schemas.DocumentError, match="no union with a member 'fish'"):
        made(tmp_path, Stream(), {"members": {"pets": "fish"}}, document)


def test_corrections_survive_the_next_run_which_changes_nothing(tmp_path: Path) -> None:
    overrides = {
        "nouns": {"pets": "animal"},
        "streams": {"pets": {"properties": {"note": None, "size": {"description": "In cm."}}}},
    }
    properties = made(tmp_path, Stream(), overrides)
    assert "note" not in properties
    assert properties["size"] == {"type": ["integer", "null"], "description": "In cm."}
    assert properties["isFed"]["description"] == "Whether the animal is fed."
    again = schemas.update([Stream()], DOCUMENT, overrides, tmp_path)
    assert [*again] == [("pets", "unchanged")]


@pytest.mark.parametrize(
    ("stream", "overrides"),
    [
        (Stream(), {"streams": {"pets": "by hand"}}),
        (Stream(path="/v1/fish"), {}),
        (Stream(path=""), {}),
    ],
)
def test_schemas_written_by_hand_are_left_alone(
    stream: Stream, overrides: Json, tmp_path: Path
) -> None:
    ((_, what),) = schemas.update([stream], DOCUMENT, overrides, tmp_path)
    assert what.startswith("by hand")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (Stream(records_key="rows"), "pets: the response of GET /v1/pets has no 'rows'"),
        (Stream(primary_keys=("id", "number")), "pets: its key 'number' is not in the document"),
    ],
)
def test_a_class_that_does_not_agree_with_the_document_is_an_error(
    stream: Stream, words: str, tmp_path: Path
) -> None:
    with pytest.raises(schemas.DocumentError) as error:
        made(tmp_path, stream)
    assert str(error.value) == words


def test_what_is_short_stands_on_one_line(tmp_path: Path) -> None:
    made(tmp_path, Stream())
    lines = (tmp_path / "pets.json").read_text(encoding="utf-8").splitlines()
    assert (
        '    "weight": {"type": ["number", "null"], "description": "Weight of the pet."}' in lines
    )
    assert all(len(line) <= schemas.LONGEST_LINE for line in lines)


@pytest.mark.parametrize("tap", ["tap_dixa", "tap_nobody"])
def test_the_command_says_in_one_line_what_is_wrong(
    tap: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["schemas", tap, str(tmp_path / "none.json")])
    assert schemas.main() == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
