"""Retries with exponential backoff."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenacity import RetryCallState

__all__ = ["RetryPolicy", "RetryableError"]

ResultT = TypeVar("ResultT")

_log = logging.getLogger(__name__)


class RetryableError(Exception):
    """A mixin for errors after which another attempt may succeed."""

    #: whether the same attempt may succeed later
    retryable: bool
    #: the wait that the server demands, s; None if it demands none
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often an operation is attempted, and the waits between the attempts.

    Example:
        >>> [RetryPolicy(initial_wait_s=1.0, max_wait_s=5.0).backoff_s(attempt) for attempt in (1, 2, 3, 4)]
        [1.0, 2.0, 4.0, 5.0]
    """

    #: number of attempts, including the first
    max_attempts: int = 4
    #: wait before the second attempt; doubles with each further one
    initial_wait_s: float = 1.0
    #: upper bound of the wait
    max_wait_s: float = 30.0
    #: an operation with a longer demanded wait is not attempted again
    max_retry_after_s: float = 120.0

    def backoff_s(self, attempt: int) -> float:
        """Return the wait after the ``attempt``-th attempt, from 1; no jitter, as requests are about an hour apart."""
        return min(self.initial_wait_s * 2.0 ** (attempt - 1), self.max_wait_s)

    def call(self, operation: Callable[[], ResultT], sleep: Callable[[float], None] | None = None) -> ResultT:
        """Return the result of ``operation``, attempted again after each retryable :class:`RetryableError`.

        :param sleep: waits for seconds; without it, the thread sleeps.
        :raises RetryableError: the last one, once the attempts are used up.
        """
        from tenacity import Retrying, nap, retry_if_exception, stop_after_attempt  # needs the extra `live`

        retrying = Retrying(
            sleep=sleep or nap.sleep,
            stop=stop_after_attempt(self.max_attempts),
            wait=self._wait_s,
            retry=retry_if_exception(self._should_retry),
            reraise=True,
        )
        return retrying(operation)

    def _wait_s(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        demanded_s = error.retry_after_s if isinstance(error, RetryableError) else None
        wait_s = self.backoff_s(state.attempt_number) if demanded_s is None else demanded_s
        _log.info("%s; attempt %d, the next in %.1f s", error, state.attempt_number, wait_s)
        return wait_s

    def _should_retry(self, error: BaseException) -> bool:
        if not (isinstance(error, RetryableError) and error.retryable):
            return False
        return (error.retry_after_s or 0.0) <= self.max_retry_after_s
