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

    If the caller stops iterating, jobs that have not started are cancelled.
    """
    if processes == 1 or len(jobs) <= 1:
        yield from map(function, jobs)
        return
    # spawn, not fork: a child forked while threads of a library run can deadlock
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(jobs)), mp_context=context) as pool:
        futures = [pool.submit(function, job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
