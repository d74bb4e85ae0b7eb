"""Words, names, ids and times that all four vendors' records are made of."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

TEXTS = (
    "Hi, where is my order?",
    'She said "it\'s broken" and hung up.',
    "C:\\temp\\report.txt is missing \\o/",
    "First line\nsecond line\r\n\tindented third line",
    "Tak for hjælpen, Jürgen \u2013 à bientôt!",
    "お問い合わせありがとうございます。返品できますか",
    "👩‍👩‍👧‍👦 family plan 🎉 thanks 👍🏽",
    "شكرا جزيلا على المساعدة",
    '<p>Hello &amp; welcome,<br>see <a href="https://example.com/?a=1&b=2">here</a></p>',
    "Order 00012345678901234567890 costs 1e3 or 0.10, see #7/8",
    "",
    '{"looks": ["like", "JSON"], "n": 1.0}',
    "zero\u200bwidth, no\u00a0break, line\u2028separator",
    "null",
    "It does not work. " * 40,
)
NAMES = (
    "Ada Lovelace", "Søren Kierkegård", "Zoë O'Brien", "山田 太郎", 'Nadia "Nash" Haddad',
    "Łukasz Żak", "Anna-Lena Groß", "José Ñuñez", "Visitor 25396546", "Mia 🌸",
)  # fmt: skip
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class Chance(random.Random):
    """Chance that is the same for the same seed on every machine, if the seed is text."""

    def uuid(self) -> str:
        """An id in the shape of a UUID version 4."""
        digits = self.hex(32)
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def hex(self, digits: int) -> str:
        """Hexadecimal digits."""
        return f"{self.getrandbits(4 * digits):0{digits}x}"

    def word(self, length: int) -> str:
        """Letters and digits."""
        return "".join(self.choices(_LETTERS, k=length))

    def text(self) -> str:
        """Something that a person wrote."""
        return self.choice(TEXTS)

    def person(self) -> str:
        """A name."""
        return self.choice(NAMES)

    def seconds(self, longest: float) -> float:
        """A duration with as many digits as a double holds."""
        return self.random() * longest


def one_in(count: int, index: int, offset: int = 0) -> bool:
    """Whether this record is the one in `count` that differs."""
    return index % count == offset


def utc(ms: int) -> datetime:
    """A datetime from milliseconds, without a float on the way."""
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=ms)


def iso_seconds(ms: int) -> str:
    """Such as 2020-12-22T04:54:59Z."""
    return utc(ms).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_millis(ms: int) -> str:
    """Such as 2020-12-22T04:54:59.007Z."""
    return f"{iso_seconds(ms)[:-1]}.{ms % 1000:03d}Z"


def iso_micros(us: int) -> str:
    """Such as 2018-04-29T10:26:40.957650Z."""
    whole = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=us)
    return whole.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
