"""A request to the sandbox, as a test or a person wants to see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class LoggedRequest:
    """One request and what was answered. No credential is kept, only whether there was one."""

    number: int
    monotonic: float
    """Arrival on `time.monotonic()`."""
    wall: float
    """Arrival on the wall clock, Unix seconds."""
    vendor: str
    stream: str
    """Empty for a path that the vendor does not have."""
    method: str
    path: str
    params: dict[str, str]
    json: Any
    """The decoded JSON body, or None."""
    headers: dict[str, str]
    """Lower-case names; only those that say something about the client (no credentials)."""
    credentials_sent: bool
    auth_ok: bool = False
    over_rate_limit: bool = False
    status: int = 0
    """The status line sent; 0 when the connection was reset before it."""
    rows: int = 0
    """Rows of the response; those of a cut or abandoned response count too."""
    faults: tuple[str, ...] = ()
    """The kinds of the faults applied."""
    finished: bool = False
    """Whether the response was sent to its end (a cut one included); set a moment after the client
    has it."""
    seconds: float = field(default=0.0, compare=False)
    """From arrival to the end of the response."""
