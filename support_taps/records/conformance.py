"""The long way of a record that is not quite what the schema says, value by value.

The schema is compiled into functions once; a record then goes through the ones its fields have.
"""

from __future__ import annotations

import collections
import typing as t

from support_taps.json_codec import Number
from support_taps.records.coercions import MisfitError, attempt, ways
from support_taps.records.json_types import DATE_TIME, alternatives, kinds, says_nothing, type_name
from support_taps.timestamps import is_date_time

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from support_taps.records.coercions import Coercion, Coercions

    Json = t.Any
    Schema = Mapping[str, t.Any]
    Fitted = Callable[[Json, bool], Json]

_PYTHON_TYPES: dict[str, frozenset[type]] = {
    "null": frozenset({type(None)}),
    "boolean": frozenset({bool}),
    "integer": frozenset({int}),
    "number": frozenset({int, Number}),
    "string": frozenset({str}),
    DATE_TIME: frozenset(),
    "array": frozenset({list}),
    "object": frozenset({dict}),
}
"""By the type that is listed, the types whose values fit without a look at them."""


_LONGEST_PATH = 200
_MOST_PATHS = 1000
_OTHERS = "(others)"


class Drift(t.NamedTuple):
    """A value that is of none of the types the schema lists, and passed as it is.

    Args:
        expected: The types that are listed.
        got: The type that came.
        key: The key of the first record that had it.
    """

    expected: str
    got: str
    key: str


class Unknown(collections.Counter[str]):
    """How often each field came that the schema does not list, by its path.

    Vendors that send data as names, or a hostile one, do not fill the memory and the log with
    them: names that are too long are cut, and from a number on they are counted together.
    """

    def note(self, path: str) -> None:
        """Count a field."""
        path = path[:_LONGEST_PATH]
        self[path if path in self or len(self) < _MOST_PATHS else _OTHERS] += 1


class _Inside(t.NamedTuple):
    """The work within an object or an array.

    Args:
        conform: Changes it in place; tells of what does not fit, and leaves it.
        fitted: Makes another one of which everything fits, and tells nobody. It coerces unless its
            second argument is true, and raises MisfitError if something cannot be made to fit.
    """

    conform: Callable[[Json], None]
    fitted: Fitted


class _Rule(t.NamedTuple):
    """The work on the values of a property.

    Args:
        right: Types of values that stay as they are.
        conform: Makes of a value of another type what it shall be. What does not fit is told of,
            and passes.
        fitted: As of :class:`_Inside`.
    """

    right: frozenset[type]
    conform: Callable[[Json], Json]
    fitted: Fitted


_ANYTHING_GOES = _Rule(
    frozenset[type]().union(*_PYTHON_TYPES.values()), lambda value: value, lambda value, _: value
)


class Conformance:
    """A stream's schema as functions.

    Args:
        schema: The stream's JSON schema.
        keys: Names of the key properties, to name a record by.
        coercions: What is made of values of other types than the schema lists.
        on_drift: Told the first drift of each field.

    Attributes:
        unknown: How often each field came that the schema does not list, by its path.
        drifted: The first drift of each field.
        misfits: How many values drifted.
    """

    def __init__(
        self,
        schema: Schema,
        keys: tuple[str, ...],
        coercions: Coercions,
        on_drift: Callable[[str, Drift], None],
    ) -> None:
        """Compile the schema."""
        self.unknown = Unknown()
        self.drifted: dict[str, Drift] = {}
        self.misfits = 0
        self._keys = keys
        self._coercions = coercions
        self._on_drift = on_drift
        self._record: dict[str, Json] = {}
        self._conform = self._members(schema["properties"], "").conform

    def conform(self, record: dict[str, Json]) -> None:
        """Conform a record in place."""
        self._record = record
        self._conform(record)

    def _members(self, properties: Schema, prefix: str) -> _Inside:
        """Compile the fields of an object."""
        rules = {name: self._rule(prop, prefix + name) for name, prop in properties.items()}
        right_types = {name: rule.right for name, rule in rules.items()}
        unknown = self.unknown

        def conform(record: dict[str, Json]) -> None:
            for name, value in record.items():
                right = right_types.get(name)
                if right is None:
                    unknown.note(prefix + name)
                elif type(value) not in right:
                    # No key is added or removed while looping.
                    record[name] = rules[name].conform(value)

        def fitted(record: dict[str, Json], as_it_is: bool) -> dict[str, Json]:  # noqa: FBT001
            return {
                name: rules[name].fitted(value, as_it_is) if name in rules else value
                for name, value in record.items()
            }

        return _Inside(conform, fitted)

    def _rule(self, schema: Schema, path: str) -> _Rule:
        """Compile the values of a property."""
        every = alternatives(schema)
        if any(says_nothing(each) for each in every):
            return _ANYTHING_GOES
        listed = tuple(dict.fromkeys(kind for each in every for kind in kinds(each)))
        items = [
            self._rule(each.get("items", {}), f"{path}[]")
            for each in every
            if "array" in kinds(each)
        ]
        objects = [each.get("properties") or {} for each in every if "object" in kinds(each)]
        within: dict[type, _Inside] = {}
        # Of an object or array that may hold anything, nothing more is to be said.
        if items and _ANYTHING_GOES not in items:
            within[list] = _either([_items(item) for item in items])
        if objects and all(objects):
            within[dict] = _either([self._members(each, f"{path}.") for each in objects])
        right = frozenset[type]().union(*(_PYTHON_TYPES[kind] for kind in listed)) - within.keys()
        return self._compiled(listed, right, within, self._makes(listed, items), path)

    def _compiled(
        self,
        listed: tuple[str, ...],
        right: frozenset[type],
        within: Mapping[type, _Inside],
        makes: Mapping[type, list[Coercion]],
        path: str,
    ) -> _Rule:
        """The functions of a property.

        Args:
            listed: The types that its schema lists.
            right: Types of values that stay as they are.
            within: What is done within its objects and arrays.
            makes: What can be made of values of other types.
            path: Where it is.
        """
        coerced = _coerced(listed, makes)
        expected = " or ".join(listed)

        def conform(value: Json) -> Json:
            kind = type(value)
            if kind in within:
                within[kind].conform(value)
                return value
            if kind in right:
                return value
            try:
                made = coerced(value)
            except MisfitError:
                self._report(path, Drift(expected, type_name(value), self._key_text()))
                return value
            if type(made) in within:
                within[type(made)].conform(made)  # all of it fits: unknown fields are counted
            return made

        def fitted(value: Json, as_it_is: bool) -> Json:  # noqa: FBT001
            kind = type(value)
            if kind in within:
                return within[kind].fitted(value, as_it_is)
            if kind in right:
                return value
            made = coerced(value)
            if as_it_is and made is not value:
                raise MisfitError
            return made

        return _Rule(right, conform, fitted)

    def _makes(self, listed: tuple[str, ...], items: list[_Rule]) -> Mapping[type, list[Coercion]]:
        """The coercions of values of each type, in the order in which to try them."""

        def of_item(make: Coercion, item: _Rule) -> Coercion:
            return lambda value: make(item.fitted(value, False))  # noqa: FBT003

        makes: dict[type, list[Coercion]] = collections.defaultdict(list)
        for sent, found in ways(self._coercions, listed).items():
            for wanted, make in found:
                if wanted == "array":  # which fits only if what is in it does
                    makes[sent] += [of_item(make, item) for item in items]
                else:
                    makes[sent].append(make)
        return makes

    def _report(self, path: str, drift: Drift) -> None:
        self.misfits += 1
        if path not in self.drifted:
            self.drifted[path] = drift
            self._on_drift(path, drift)

    def _key_text(self) -> str:
        return ", ".join(f"{key}={self._record.get(key)}" for key in self._keys)


def _coerced(
    listed: tuple[str, ...], makes: Mapping[type, list[Coercion]]
) -> Callable[[Json], Json]:
    """A function for values of types that are not listed, or have to be looked at."""
    has_times, has_integers = DATE_TIME in listed, "integer" in listed

    def coerced(value: Json) -> Json:
        kind = type(value)
        if has_times and kind is str and is_date_time(value):
            return value
        if has_integers and kind is Number and value.is_integer_literal:
            return value
        return attempt(makes.get(kind, ()), value)

    return coerced


def _items(rule: _Rule) -> _Inside:
    """The work on the items of an array."""
    right, conform_item, fitted_item = rule

    def conform(values: list[Json]) -> None:
        values[:] = [v if type(v) in right else conform_item(v) for v in values]

    def fitted(values: list[Json], as_it_is: bool) -> list[Json]:  # noqa: FBT001
        return [fitted_item(value, as_it_is) for value in values]

    return _Inside(conform, fitted)


def _either(alternatives: list[_Inside]) -> _Inside:
    """One of several: the one that a value fits; or can be made to fit; or else the first."""
    if len(alternatives) == 1:
        return alternatives[0]

    def fitted(value: Json, as_it_is: bool) -> Json:  # noqa: FBT001
        return chosen(value, as_it_is).fitted(value, as_it_is)

    def chosen(value: Json, as_it_is: bool) -> _Inside:  # noqa: FBT001
        for strictly in (True,) if as_it_is else (True, False):
            for each in alternatives:
                try:
                    each.fitted(value, strictly)
                except MisfitError:
                    continue
                return each
        raise MisfitError

    def conform(value: Json) -> None:
        try:
            found = chosen(value, False)  # noqa: FBT003
        except MisfitError:
            found = alternatives[0]
        found.conform(value)

    return _Inside(conform, fitted)
