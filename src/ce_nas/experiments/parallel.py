"""Jobs in parallel processes; what comes back is the same as from one process, and may come in another order."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["in_parallel"]

Job = TypeVar("Job")
Found = TypeVar("Found")


def in_parallel(work: Callable[[Job], Found], jobs: Sequence[Job], processes: int) -> Iterator[Found]:
    """What ``work`` makes of each job, as soon as it is there; in order where ``processes`` is 1.

    If the caller stops listening, jobs that were not begun are left.
    """
    if processes == 1 or len(jobs) <= 1:
        yield from map(work, jobs)
        return
    # not forked: a child forked while a library's threads run may never wake up
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(jobs)), mp_context=context) as pool:
        waiting = [pool.submit(work, job) for job in jobs]
        try:
            for future in as_completed(waiting):
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
