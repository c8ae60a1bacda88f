"""How long a server is waited for, and how often it is asked again."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenacity import RetryCallState

__all__ = ["Patience", "Setback"]

Found = TypeVar("Found")

_log = logging.getLogger(__name__)


class Setback(Exception):  # noqa: N818 - the errors that mix it in are called errors
    """What an attempt may fail with: whether another one may help, and when."""

    #: whether asking again, unchanged, may help
    passing: bool
    #: how long the server asks to be left alone, where it says so
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a source is waited for, and how often it is asked again."""

    connect_s: float = 5.0
    #: longest silence in the middle of an answer
    silence_s: float = 20.0
    #: longest time that a whole answer may take
    answer_s: float = 60.0
    #: requests in all, the first included
    attempts: int = 4
    #: wait before the second request; it doubles with each further one
    wait_s: float = 1.0
    #: the longest that wait grows to
    longest_wait_s: float = 30.0
    #: a Retry-After beyond this is not waited for
    longest_retry_after_s: float = 120.0

    def back_off_s(self, attempt: int) -> float:
        """The wait after the ``attempt``-th request, from 1; without jitter, since one client asks once an hour."""
        return min(self.wait_s * 2.0 ** (attempt - 1), self.longest_wait_s)

    def persist(self, attempt: Callable[[], Found], sleep: Callable[[float], None]) -> Found:
        """What ``attempt`` returns, made again while it fails with a :class:`Setback` that another try may overcome.

        :raises Setback: the last one, once patience has run out.
        """
        from tenacity import Retrying, retry_if_exception, stop_after_attempt  # late: a file needs no such library

        retrying = Retrying(
            sleep=sleep,
            stop=stop_after_attempt(self.attempts),
            wait=self._wait_s,
            retry=retry_if_exception(self._may_help),
            reraise=True,
        )
        return retrying(attempt)

    def _wait_s(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked_s = error.retry_after_s if isinstance(error, Setback) else None
        wait_s = self.back_off_s(state.attempt_number) if asked_s is None else asked_s
        _log.info("%s; attempt %d, the next in %.1f s", error, state.attempt_number, wait_s)
        return wait_s

    def _may_help(self, error: BaseException) -> bool:
        if not (isinstance(error, Setback) and error.passing):
            return False
        return (error.retry_after_s or 0.0) <= self.longest_retry_after_s
