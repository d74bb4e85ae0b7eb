"""The output of ``--discover``, beside the vendor's reference and beside what it was before."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from tests.conftest import assert_golden, discovered
from tests.tap_dixa.conftest import CURSORS, STREAMS

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Record

# The fields of docs.dixa.io/openapi/exports-api and of the two peers that read them, by type.
CONVERSATION = {
    "integer": "id rating_score total_duration handling_duration transfer_time",
    "date-time": (
        "created_at queued_at closed_at assigned_at updated_at last_message_created_at "
        "anonymized_at"
    ),
    "string": (
        "initial_channel requester_id requester_name requester_email requester_phone_number "
        "queue_id queue_name rating_message direction assignee_id assignee_name assignee_email "
        "assignee_phone_number to_provisioned_phone_number_id to_provisioned_phone_number_name "
        "from_provisioned_phone_number_id from_provisioned_phone_number_name "
        "dixa_email_integration_id dixa_email_integration_sender_name forwarding_email "
        "facebook_page_id facebook_page_name widget_id widget_name transferee_name "
        "transferee_number originating_country status subject"
    ),
    "array of string": (
        "requester_additional_emails requester_additional_phone_numbers tags "
        "conversation_wrapup_notes"
    ),
    "array of object": "ratings tags_info custom_fields",
}
RATING = {
    "integer": "rating_score",
    "string": "rating_message rating_type rating_status rating_language",
    "date-time": (
        "rating_created_timestamp rating_offered_timestamp rating_modified_timestamp "
        "rating_rated_timestamp rating_scheduled_timestamp rating_scheduled_for_timestamp "
        "rating_unscheduled_timestamp rating_cancelled_timestamp"
    ),
}
TAG = {"string": "id name", "boolean": "is_deactivated"}
CUSTOM_FIELD = {
    "string": "attribute_id identifier data_type",
    "string or array of string": "value",
    "boolean": "archived",
}
MESSAGE = {
    "integer": "csid",
    "number": "duration",
    "date-time": "created_at",
    "string": (
        "id initial_channel author_name author_email direction text from_phone_number "
        "to_phone_number recording_url voicemail_url from chat_input_question chat_input_answer "
        "chat_menu_text"
    ),
    "array of string": "to cc bcc attached_files",
    "boolean": "is_automated_message",
    "object": "form_submission",
}


@pytest.fixture(scope="module")
def catalog() -> dict[str, Record]:
    """The catalog's entries by stream."""
    return {entry["tap_stream_id"]: entry for entry in discovered("tap_dixa")["streams"]}


def kind(schema: Record) -> str:
    """A schema's type in words, null aside."""
    names = [name for name in [schema["type"]] if isinstance(name, str)] or list(schema["type"])
    if schema.get("format"):
        return str(schema["format"])
    items = schema.get("items")
    words = [f"array of {kind(items)}" if name == "array" and items else name for name in names]
    return " or ".join(word for word in words if word != "null")


def kinds(schema: Record) -> dict[str, str]:
    """Every property's type in words."""
    return {name: kind(prop) for name, prop in schema["properties"].items()}


def documented(table: dict[str, str]) -> dict[str, str]:
    """A table from above, by field."""
    return {name: kind for kind, names in table.items() for name in names.split()}


def properties(schema: Record, path: str = "") -> Iterator[tuple[str, Record]]:
    """Every property, with the ones inside."""
    for name, prop in schema.get("properties", {}).items():
        yield path + name, prop
        yield from properties(prop, f"{path}{name}.")
        yield from properties(prop.get("items", {}), f"{path}{name}[].")


@pytest.mark.parametrize("stream", STREAMS)
def test_the_catalog_is_the_golden_one(catalog: dict[str, Record], stream: str) -> None:
    assert_golden(Path(__file__).parent / "goldens" / f"{stream}.json", catalog[stream])


def test_every_documented_field_is_there_with_its_type(catalog: dict[str, Record]) -> None:
    conversation = catalog["conversations"]["schema"]
    assert kinds(conversation) == documented(CONVERSATION)
    for name, table in (("ratings", RATING), ("tags_info", TAG), ("custom_fields", CUSTOM_FIELD)):
        assert kinds(conversation["properties"][name]["items"]) == documented(table)
    assert kinds(catalog["messages"]["schema"]) == documented(MESSAGE)


@pytest.mark.parametrize("stream", STREAMS)
def test_keys_and_replication_keys_are_always_selected(
    catalog: dict[str, Record], stream: str
) -> None:
    entry = catalog[stream]
    assert entry["key_properties"] == ["id"]
    assert entry["replication_key"] == CURSORS[stream]
    metadata = {tuple(item["breadcrumb"]): item["metadata"] for item in entry["metadata"]}
    assert metadata[()]["table-key-properties"] == ["id"]
    assert metadata[()]["valid-replication-keys"] == [CURSORS[stream]]
    assert metadata[()]["inclusion"] == "available"
    for name in ("id", CURSORS[stream]):
        assert metadata["properties", name]["inclusion"] == "automatic"


@pytest.mark.parametrize("stream", STREAMS)
def test_every_property_is_described_and_only_the_key_is_promised(
    catalog: dict[str, Record], stream: str
) -> None:
    for path, prop in properties(catalog[stream]["schema"]):
        assert len(prop.get("description", "")) > 10, path
        assert prop["description"].endswith("."), path
        assert ("null" in prop["type"]) == (path != "id"), path
