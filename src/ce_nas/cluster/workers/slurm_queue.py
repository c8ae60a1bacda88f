"""The queue of Slurm by ``squeue``; ``sacct`` needs an accounting database that not every cluster has."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from ce_nas.core.clock import monotonic_s

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SlurmQueue"]

#: minimum time between two queries of the controller, s
_MIN_QUERY_INTERVAL_S = 10.0
#: time-out of ``squeue``, s
_SQUEUE_TIMEOUT_S = 30.0
#: compact state code of a pending job
_PENDING_STATE = "PD"


class SlurmQueue:
    """The pending and running jobs of the current user.

    :param now_s: a monotonic clock, s.
    :param list_jobs: returns the output of ``squeue``: job id and state per line.
    :param min_query_interval_s: minimum time between two queries, s.
    """

    def __init__(
        self,
        now_s: Callable[[], float] = monotonic_s,
        list_jobs: Callable[[], str] | None = None,
        min_query_interval_s: float = _MIN_QUERY_INTERVAL_S,
    ) -> None:
        self._now_s = now_s
        self._list_jobs = list_jobs or _run_squeue
        self._min_query_interval_s = min_query_interval_s
        self._queried_s: float | None = None
        self._jobs: dict[str, str] | None = None

    def contains(self, job_id: str, submitted_s: float) -> bool | None:
        """Tell whether a job is pending, running or completing; None if the controller does not answer.

        :param submitted_s: time of its submission, s; an older query is repeated.
        """
        jobs = self._refresh_jobs(submitted_s)
        return None if jobs is None else job_id in jobs

    def is_pending(self, job_id: str, submitted_s: float) -> bool:
        """Tell whether a job is pending, also after a requeue; ``submitted_s`` as in :meth:`contains`."""
        return (self._refresh_jobs(submitted_s) or {}).get(job_id) == _PENDING_STATE

    def _refresh_jobs(self, submitted_s: float) -> dict[str, str] | None:
        if (
            self._queried_s is None
            or self._now_s() - self._queried_s >= self._min_query_interval_s
            or self._queried_s < submitted_s
        ):
            self._queried_s, self._jobs = self._now_s(), self._query_jobs()
        return self._jobs

    def _query_jobs(self) -> dict[str, str] | None:
        try:
            return dict(line.split() for line in self._list_jobs().splitlines())
        except (OSError, ValueError, subprocess.SubprocessError):
            return None  # the controller is busy or restarting


def _run_squeue() -> str:
    command = ["squeue", "--me", "--noheader", "--format=%i %t"]
    completed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_SQUEUE_TIMEOUT_S)  # noqa: S603 - a constant command
    return completed.stdout
