"""A live power cap: what the site may draw now, read again and again from a file that the site writes."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.table_cells import BLANK_CELLS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ce_nas.store.event_log import EventLog

__all__ = ["LivePowerCap"]

_log = logging.getLogger(__name__)


class LivePowerCap:
    """The cap that a file holds: one number, W, PUE included; blank for none.

    Each reading is logged, since decisions depend on it, and replayed when the run is resumed. A file that cannot be
    read leaves the last cap in force, which is said once.

    :param path: the file; its writer replaces it as a whole.
    :param poll_s: time between two readings, s of the run.
    """

    def __init__(self, path: Path, event_log: EventLog, poll_s: float) -> None:
        self._path = path
        self._event_log = event_log
        self._poll_s = poll_s
        self._last_w = math.inf
        self._is_unread = False

    def lowest_w(self, start_s: float, end_s: float) -> float:  # noqa: ARG002 - what comes is unknown
        """Read the cap now, W; infinite without one. See :meth:`PowerCapSchedule.lowest_w`."""
        recorded = self._event_log.pop("power_signal")
        if recorded is None:
            self._last_w = self._read_w()
            self._event_log.append("power_signal", start_s, self._last_w if math.isfinite(self._last_w) else None)
        else:
            self._last_w = math.inf if recorded.content is None else recorded.content
        return self._last_w

    def changes_between(self, start_s: float, end_s: float) -> Sequence[float]:
        """Return the times at which the file is read, both ends excluded, s."""
        times: list[float] = np.arange(start_s + self._poll_s, end_s, self._poll_s).tolist()
        return times

    def _read_w(self) -> float:
        """The cap in the file; the last one where it cannot be read."""
        try:
            text = self._path.read_text().strip()
            cap_w = math.inf if text.lower() in BLANK_CELLS else float(text)
            if math.isnan(cap_w) or cap_w < 0:
                raise ValueError(text)  # noqa: TRY301 - as any other text that is no power
        except (OSError, ValueError) as error:
            if not self._is_unread:
                words = f"{self._last_w:g} W" if math.isfinite(self._last_w) else "none"
                _log.warning("Expected W in %s, but %s; the last cap, %s, stays.", self._path, error, words)
            self._is_unread = True
            return self._last_w
        self._is_unread = False
        return cap_w
