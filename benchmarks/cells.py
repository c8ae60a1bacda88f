"""Runs that are made once and kept, so that a long table can be made in slices."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Cells:
    """Runs by key, kept in a file, if there is one, from where they are taken the next time.

    :param path: the file; None keeps nothing.
    :param minutes: after so many no further run is started.
    """

    def __init__(self, path: Path | None, minutes: float = math.inf) -> None:
        self._path = path
        self._ends_s = time.perf_counter() + 60.0 * minutes
        self.rows: list[dict[str, Any]] = []
        self.found: dict[str, Any] = {}
        if path and path.exists():
            self.found = json.loads(path.read_text())["runs"]

    @property
    def open(self) -> bool:
        """Whether there is time for another run."""
        return time.perf_counter() < self._ends_s

    def get(self, key: str, make: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever a run gives
        """The run of that key, made now if need be; None if the time is up."""
        if key not in self.found:
            if not self.open:
                return None
            self.put(key, make())
        return self.found[key]

    def put(self, key: str, run: object) -> None:
        """Keep a run."""
        self.found[key] = run
        self.write()

    def write(self) -> None:
        """Write all runs, and the rows made of them."""
        if self._path:
            draft = self._path.with_suffix(".draft")
            draft.write_text(json.dumps({"rows": self.rows, "runs": self.found}, indent=1) + "\n")
            draft.replace(self._path)
