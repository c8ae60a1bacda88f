"""Forecasts that a process keeps, by everything that they depend on."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from ce_nas.forecast.base import ForecastInput

__all__ = ["ForecastCache", "digest_inputs"]

ValueT = TypeVar("ValueT")


class ForecastCache(Generic[ValueT]):
    """The latest results of a process, by what they were computed from; threads may share it.

    :param size: results that it keeps; the oldest one goes first.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[bytes, ValueT] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: bytes) -> ValueT | None:
        """Return the result under the key; None if there is none."""
        with self._lock:
            return self._entries.get(key)

    def put(self, key: bytes, value: ValueT) -> None:
        """Keep the result under the key."""
        with self._lock:
            self._entries[key] = value
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)


def digest_inputs(inputs: ForecastInput, horizon_s: float, lookback_s: float, model: str = "") -> bytes:
    """Return a key of everything that a forecast depends on.

    :param horizon_s: how far ahead it reaches, s.
    :param lookback_s: how much of the past counts, s.
    :param model: identity of the fitted models that take part; without one the zone and the mix do not count.
    """
    seen = inputs.truncate(lookback_s)
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{seen.step_s} {seen.end.isoformat()} {seen.end_s % seen.step_s} {horizon_s} {model}".encode())
    if model:
        digest.update(seen.zone.encode())
    mix = seen.mix_mw if model else {}
    for name, values in [("", seen.intensity_g_per_kwh), *sorted(seen.future_covariates.items()), *sorted(mix.items())]:
        digest.update(f"{name} {len(values)}".encode())
        digest.update(np.ascontiguousarray(values, dtype=float).tobytes())
    return digest.digest()
