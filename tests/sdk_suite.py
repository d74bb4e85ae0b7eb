"""The SDK's own suite of tests, in a form in which its tests of attributes say something."""

from __future__ import annotations

import functools
import typing as t

from singer_sdk.testing import SuiteConfig, get_tap_test_class
from singer_sdk.testing.factory import StreamAttributeTestParams
from singer_sdk.testing.templates import AttributeTestTemplate

if t.TYPE_CHECKING:
    from support_taps.tap import SupportTap
    from tests.conftest import Record

# The SDK keeps the values of the first attribute that it meets and judges all others by them. Each
# is judged by its own here; the day that upstream has mended it, this fails.
_VALUES = t.cast("t.Any", AttributeTestTemplate).non_null_attribute_values
assert isinstance(_VALUES, functools.cached_property)
t.cast("t.Any", AttributeTestTemplate).non_null_attribute_values = property(_VALUES.func)


def sdk_suite(tap: type[SupportTap], config: Record, **options: t.Any) -> t.Any:
    """Make the class of tests.

    Attributes of several types are left out: the suite asks of each that it is all of them at once.

    Args:
        tap: The tap.
        config: Its settings.
        options: More for the SDK.
    """
    suite: t.Any = get_tap_test_class(
        tap,
        config=config,
        suite_config=SuiteConfig(max_records_limit=150),
        parse_env_config=False,
        **options,
    )
    for name, params in list(suite.params.items()):
        suite.params[name] = [param for param in params if _is_of_one_type(param.values)]
        if not suite.params[name]:
            delattr(suite, name)
    return suite


def _is_of_one_type(values: t.NamedTuple) -> bool:
    if not isinstance(values, StreamAttributeTestParams):
        return True
    schema = values.stream.schema["properties"][values.attribute_name]
    types = schema.get("type", ["anything", "else"])
    return (
        "anyOf" not in schema
        and len({*([types] if isinstance(types, str) else types)} - {"null"}) == 1
    )
