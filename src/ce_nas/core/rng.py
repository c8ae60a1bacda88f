"""Named streams of random numbers from one seed.

Each part of a run draws from a stream of its own, so that a draw more in one part never shifts another part's
numbers, and the same seed gives the same run on every machine.
"""

from __future__ import annotations

import zlib

import numpy as np

__all__ = ["stream"]


def stream(seed: int, name: str) -> np.random.Generator:
    """The generator of the stream ``name`` under ``seed``; the same two always give the same numbers."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, zlib.crc32(name.encode())))))
