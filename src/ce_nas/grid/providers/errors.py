"""What can be wrong with a live source: what it does wrong, and what is asked of it that it does not have.

::

    SettingsError
    └── ZoneError      a zone that a source does not have; never degraded, never another zone instead
    TraceError
    └── SourceError    a source that is of no use right now; what the steps of degradation are for
"""

from __future__ import annotations

from enum import StrEnum

from ce_nas.core.errors import SettingsError, TraceError
from ce_nas.core.retry import Setback

__all__ = ["Fault", "SourceError", "ZoneError"]


class Fault(StrEnum):
    """What a source did wrong, as the middle of a sentence."""

    UNREACHABLE = "could not be reached"
    SLOW = "did not answer in time"
    CUT = "cut the connection in the middle of its answer"
    BROKEN = "reported an error of its own"
    LIMITED = "asks to be asked less often"
    REFUSED = "refused the key"
    DECLINED = "declined the request"
    EMPTY = "answered with an empty body"
    MALFORMED = "answered with something else than it documents"
    UNITS = "answered in other units than it documents"
    OTHER_ZONE = "answered for another zone"
    STALE = "has no value that is fresh enough"


#: what may be gone a moment later, so that asking again makes sense
PASSING = frozenset(
    {Fault.UNREACHABLE, Fault.SLOW, Fault.CUT, Fault.BROKEN, Fault.LIMITED, Fault.EMPTY, Fault.MALFORMED}
)


class SourceError(TraceError, Setback):
    """A live source that is of no use right now."""

    def __init__(self, source: str, fault: Fault, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(f"Live source {source!r} {fault}: {detail}")
        self.source = source
        self.fault = fault
        self.detail = detail
        self.passing = fault in PASSING
        self.retry_after_s = retry_after_s


class ZoneError(SettingsError):
    """A zone that a live source does not have."""
