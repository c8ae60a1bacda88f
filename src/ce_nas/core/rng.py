"""Named random streams of one seed.

Each component of a run draws from its own stream, so that an additional draw in one component does not shift the
numbers of another, and the same seed gives the same run on every machine.
"""

from __future__ import annotations

import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["random_stream", "seeded_torch"]


def random_stream(seed: int, name: str) -> np.random.Generator:
    """Create the generator of the stream ``name`` of ``seed``; equal arguments give equal numbers.

    Example:
        >>> random_stream(0, "searcher").integers(1000, size=3).tolist()
        [334, 666, 836]
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, zlib.crc32(name.encode())))))


@contextmanager
def seeded_torch(seed: int) -> Iterator[None]:
    """Draw torch's global numbers from ``seed`` within the block, such as the weights of a network built on the CPU.

    Torch initialises weights from its global generator alone. After the block the caller's numbers on the CPU continue
    as if nothing had been drawn.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
