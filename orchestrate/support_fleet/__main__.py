"""``python -m support_fleet check`` or ``schema``: are the accounts right, what may be said."""

from __future__ import annotations

import json
import sys

from support_fleet import definitions, meltano
from support_fleet.accounts import AccountsError, Fleet


def schema() -> str:
    """The JSON schema of a file of accounts, for editors."""
    attributes = Fleet.model_json_schema()
    kinds = attributes.pop("$defs")
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Accounts",
        "type": "object",
        "required": ["type", "attributes"],
        "properties": {
            "type": {"const": "support_fleet.SupportAccounts"},
            "attributes": attributes,
        },
        "$defs": kinds,
    }
    return json.dumps(whole, indent=2) + "\n"


def main(command: str = "") -> int:
    """Run a command.

    Returns:
        The exit code.
    """
    if command == "schema":
        sys.stdout.write(schema())
        return 0
    if command != "check":
        sys.stderr.write("usage: python -m support_fleet check | schema\n")
        return 2
    try:
        for fleet in definitions.fleets():
            meltano.check(fleet)
            names = [account.name for account in fleet.accounts]
            sys.stdout.write(f"{len(names)} accounts: {', '.join(names)}\n")
    except AccountsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
