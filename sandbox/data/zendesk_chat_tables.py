"""Zendesk Chat's tables without a time: the examples of `zendesk_chat_tables.json`."""

from __future__ import annotations

from sandbox.reference import tables_of

_table = tables_of("zendesk_chat_tables.json", "")

REFERENCES = (
    _table("account", count=1, key="account_key"),
    _table("agents", count=230),
    _table("bans", count=230),
    _table("departments"),
    _table("goals", count=5),
    _table("roles"),
    _table("routing_settings", "routing_settings/account", count=1, key=""),
    _table("shortcuts", key="name"),
    _table("skills"),
    _table("triggers"),
)
