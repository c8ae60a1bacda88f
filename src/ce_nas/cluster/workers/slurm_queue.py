"""Slurm's queue, as ``squeue`` tells it: what ``sacct`` knows only where a cluster keeps accounts."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from ce_nas.core.clock import monotonic_s

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SlurmQueue"]

#: the shortest time between two looks at the queue, which all users of a cluster share, s
_LOOK_S = 10.0
#: how long ``squeue`` may take, s
_PATIENCE_S = 30.0
#: the state of a job that waits, in squeue's short form
_PENDING = "PD"


class SlurmQueue:
    """Which jobs of this user wait or run.

    :param now_s: a clock, s.
    :param listing: gives what ``squeue`` prints, a job's number and its state a line.
    :param look_s: the shortest time between two looks.
    """

    def __init__(
        self,
        now_s: Callable[[], float] = monotonic_s,
        listing: Callable[[], str] | None = None,
        look_s: float = _LOOK_S,
    ) -> None:
        self._now_s = now_s
        self._listing = listing or _listed
        self._look_s = look_s
        self._looked_s: float | None = None
        self._jobs: dict[str, str] | None = None

    def holds(self, job_id: str, since_s: float) -> bool | None:
        """Whether a job waits, runs or is just ending; None where nobody can tell.

        :param since_s: when it was put into the queue: an older look at the queue says nothing of it.
        """
        jobs = self._looked(since_s)
        return None if jobs is None else job_id in jobs

    def waits(self, job_id: str, since_s: float) -> bool:
        """Whether a job is known to wait for its turn, for the first time or again; ``since_s`` as above."""
        return (self._looked(since_s) or {}).get(job_id) == _PENDING

    def _looked(self, since_s: float) -> dict[str, str] | None:
        if self._looked_s is None or self._now_s() - self._looked_s >= self._look_s or self._looked_s < since_s:
            self._looked_s, self._jobs = self._now_s(), self._asked()
        return self._jobs

    def _asked(self) -> dict[str, str] | None:
        try:
            return dict(line.split() for line in self._listing().splitlines())
        except (OSError, ValueError, subprocess.SubprocessError):
            return None  # a controller that is busy or just restarting


def _listed() -> str:
    command = ["squeue", "--me", "--noheader", "--format=%i %t"]
    ran = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_PATIENCE_S)  # noqa: S603 - fixed
    return ran.stdout
