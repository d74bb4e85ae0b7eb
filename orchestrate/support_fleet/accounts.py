"""The file of accounts: what it may say, and one line about what is wrong with it."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pydantic
import yaml
from dagster._utils.schedules import is_valid_cron_schedule
from pydantic import Field

NAME = r"^[a-z][a-z0-9_]{0,39}$"
"""Of accounts, targets and tokens: Dagster takes it for a job, and PostgreSQL for a schema."""
VARIABLE = r"^[A-Z_][A-Z0-9_]*$"
DAY = r"^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d)?)?$"

Name = t.Annotated[str, Field(pattern=NAME)]
Day = t.Annotated[str, Field(pattern=DAY, description="Date (UTC) or date-time.")]


class AccountsError(Exception):
    """The one line about a file of accounts that is wrong, or a secret that is not there."""


class _Model(pydantic.BaseModel):
    # Nobody shall find in a log what was written in the place of a secret's name.
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Secret(_Model):
    """The place of a secret; the secret itself is read when a run starts."""

    variable: t.Annotated[str, Field(pattern=VARIABLE)] | None = Field(
        default=None, description="Name of an environment variable of the workers."
    )
    file: str | None = Field(default=None, description="Path of a file with nothing else in it.")

    @pydantic.model_validator(mode="before")
    @classmethod
    def _is_no_value(cls, data: t.Any) -> t.Any:
        if not isinstance(data, dict) or len(data) != 1:
            msg = "name a variable or a file ({variable: NAME} or {file: path}), never the value"
            raise ValueError(msg)
        return data

    def read(self, where: str) -> str:
        """Read the secret.

        Args:
            where: The account and field, for the error.
        """
        if self.variable:
            if value := os.environ.get(self.variable, "").strip():
                return value
            msg = f"{where}: the environment variable {self.variable} is not set"
            raise AccountsError(msg)
        try:
            if value := Path(self.file or "").read_text(encoding="utf-8").strip():
                return value
            problem = "it is empty"
        except (OSError, UnicodeError) as error:
            problem = getattr(error, "strerror", None) or "it is no text"
        msg = f"{where}: the file {self.file} cannot be read: {problem}"
        raise AccountsError(msg)


class Target(_Model):
    """A place that accounts are loaded into."""

    loader: str = Field(description="A loader of meltano.yml.", examples=["target-postgres"])
    credentials: dict[str, Secret] = Field(
        default_factory=dict, description="Its secret settings, and where their values are."
    )
    settings: dict[str, t.Any] = Field(
        default_factory=dict, description="Its other settings; {account} stands for the name."
    )


class Account(_Model):
    """One account of one vendor."""

    name: Name = Field(description="Its group of assets, its job, and its schema in the target.")
    tap: str = Field(description="An extractor of meltano.yml.", examples=["tap-dixa"])
    target: Name = Field(description="One of `targets`.")
    start_date: Day = Field(description="Earliest date (UTC) or date-time to read from.")
    credentials: dict[str, Secret] = Field(
        min_length=1, description="The tap's secret settings, and where their values are."
    )
    settings: dict[str, t.Any] = Field(
        default_factory=dict, description="The tap's other settings, as in meltano.yml."
    )
    select: list[t.Annotated[str, Field(pattern=r"^(\w+|!\w+(\.\w+)+)$")]] = Field(
        default_factory=list,
        description="Streams, and fields to leave out (!chats.visitor.email). Without streams "
        "those that the tap selects by itself.",
    )
    cron: str | None = Field(
        default=None, description="When it runs. Default: only when it is launched."
    )
    stale_after_hours: float = Field(
        default=24,
        ge=0.1,
        description="Age of the last good run from which its assets are not fresh.",
    )
    token: Name | None = Field(
        default=None,
        description="Name for the token, the same for all accounts that use it: they run one after "
        "the other. Default: the account's name.",
    )

    @property
    def pool(self) -> str:
        """The token's name."""
        return self.token or self.name

    @property
    def streams(self) -> list[str]:
        """The streams that are named; none: those that the tap selects by itself."""
        return [name for name in self.select if not name.startswith("!")]

    @property
    def left_out(self) -> list[list[str]]:
        """The fields that are left out, each as its stream and the way to it."""
        return [name[1:].split(".") for name in self.select if name.startswith("!")]

    @property
    def vendor(self) -> str:
        """The vendor, in a form for the keys of assets."""
        return self.tap.removeprefix("tap-").replace("-", "_")

    @pydantic.field_validator("cron")
    @classmethod
    def _is_cron(cls, cron: str | None) -> str | None:
        if cron is not None and not is_valid_cron_schedule(cron):
            msg = "not a cron expression, such as '0 * * * *' or '@hourly'"
            raise ValueError(msg)
        return cron

    @pydantic.field_validator("settings")
    @classmethod
    def _are_no_fields(cls, settings: dict[str, t.Any]) -> dict[str, t.Any]:
        if "start_date" in settings:
            msg = "start_date stands beside settings, not in it"
            raise ValueError(msg)
        return settings


class Fleet(_Model):
    """The attributes of a file of accounts."""

    targets: dict[Name, Target] = Field(description="The places that accounts are loaded into.")
    accounts: list[Account] = Field(description="The accounts.")
    executor: str | None = Field(
        default=None,
        description="The executor of the accounts' jobs, such as dagster_celery.celery_executor. "
        "Default: the process that Dagster starts for a run.",
    )

    def problem(self) -> str:
        """Say what is wrong between accounts, in one line; nothing is, if it is empty."""
        names: set[str] = set()
        of_token: dict[str, Account] = {}
        of_credentials: dict[str, Account] = {}
        for account in self.accounts:
            here = f"account '{account.name}'"
            if account.name in names:
                return f"{here}: name: another account has it too"
            names.add(account.name)
            if account.target not in self.targets:
                return f"{here}: target: there is no '{account.target}' in targets"
            same_token = of_token.setdefault(account.pool, account)
            if _place(same_token) != _place(account):
                return (
                    f"{here}: token: account '{same_token.name}' calls other credentials "
                    f"'{account.pool}' too"
                )
            same = of_credentials.setdefault(_place(account), account)
            if same.pool != account.pool:
                return (
                    f"{here}: token: account '{same.name}' has the same credentials; give both "
                    "the same token, so that they do not run at once"
                )
        return ""


def _place(account: Account) -> str:
    """The place of an account's credentials, to compare it."""
    places = {name: secret.model_dump() for name, secret in account.credentials.items()}
    return f"{account.tap} {sorted(places.items())}"


def read(file: Path) -> Fleet | None:
    """Read a file of accounts.

    Args:
        file: A ``defs.yaml``.

    Returns:
        What it says; None if it is of another component.

    Raises:
        AccountsError: It is wrong.
    """
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeError) as error:
        msg = f"{file}: cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}"
        raise AccountsError(msg) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        msg = f"{file}: {line}no YAML: {getattr(error, 'problem', None) or 'it cannot be parsed'}"
        raise AccountsError(msg) from None
    if not isinstance(document, dict) or "type" not in document:
        msg = f"{file}: no file of accounts: it has no `type: support_fleet.SupportAccounts`"
        raise AccountsError(msg)
    if not str(document["type"]).startswith("support_fleet."):
        return None
    attributes = document.get("attributes") or {}
    try:
        fleet = Fleet.model_validate(attributes)
    except pydantic.ValidationError as error:
        msg = f"{file}: {_told(error, attributes)}"
        raise AccountsError(msg) from None
    if problem := fleet.problem():
        msg = f"{file}: {problem}"
        raise AccountsError(msg)
    return fleet


def _told(error: pydantic.ValidationError, attributes: t.Any) -> str:
    """The first of pydantic's complaints as "account 'name': field: what is wrong"."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    place = [part for part in problems[0]["loc"] if part != "[key]"]
    words = []
    if place[:1] == ["accounts"] and len(place) > 1:
        entry = attributes["accounts"][place[1]]
        name = entry.get("name") if isinstance(entry, dict) else None
        words.append(f"account '{name}'" if name else f"account number {int(place[1]) + 1}")
        place = place[2:]
    words.append(".".join(map(str, place)))
    words.append(problems[0]["msg"].removeprefix("Value error, "))
    if more := len(problems) - 1:
        words[-1] += f" (and {more} more)"
    return ": ".join(filter(None, words))
