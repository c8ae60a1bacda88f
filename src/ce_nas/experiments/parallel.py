"""Runs jobs in parallel processes, with the same results as in one process."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["run_in_parallel"]

Job = TypeVar("Job")
JobResult = TypeVar("JobResult")


def run_in_parallel(function: Callable[[Job], JobResult], jobs: Sequence[Job], processes: int) -> Iterator[JobResult]:
    """Yield the result of ``function`` for each job as soon as it is ready; in order if ``processes`` is 1.

    If the caller stops iterating, or is interrupted, jobs that have not started are cancelled, and the processes ended.
    """
    if processes == 1 or len(jobs) <= 1:
        yield from map(function, jobs)
        return
    # spawn, not fork: a child forked while threads of a library run can deadlock
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(processes, len(jobs)), mp_context=context)
    try:
        for future in as_completed([pool.submit(function, job) for job in jobs]):
            yield future.result()
    except BaseException:
        try:
            _end_processes(pool)
        finally:  # a second interruption would leave processes behind, for which this one would wait at its end
            _end_processes(pool)
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _end_processes(pool: ProcessPoolExecutor) -> None:
    """End the processes of a pool, also those that are working."""
    for process in list((pool._processes or {}).values()):  # noqa: SLF001 - a public way comes with Python 3.14
        process.terminate()
