"""RAPL: the powercap energy counters of CPUs and their memory.

Sources
    [powercap] Linux kernel documentation, Power Capping Framework: energy_uj counts up to max_energy_range_uj and
        then wraps to 0; constraint_0_power_limit_uw is the long-term power limit.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import EnergyError
from ce_nas.core.records import ReadingSource
from ce_nas.energy.base import EnergyMeter, MeterSnapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["POWERCAP_DIR", "RaplMeter", "has_rapl", "package_limit_w", "rapl_obstacle"]

POWERCAP_DIR = Path("/sys/class/powercap")
#: the most that one domain can draw, W: a counter that fell by more than a wrap at this power was reset
MAX_DOMAIN_W = 1000.0
#: allowance for the time between reading the counter and the clock, J
_WRAP_ALLOWANCE_J = 10.0

_log = logging.getLogger(__name__)


class RaplMeter(EnergyMeter):
    """The sum of the energy counters of all CPU packages and their memory.

    A wrap of a counter is detected if it is read at least once per wrap (hours on most machines), so a thread reads it
    every ``interval_s`` seconds; a read that fails is logged and tried again. A counter that falls further than a wrap
    explains was reset (a driver was reloaded): what was drawn then is unknown, and the next snapshot says so.

    :param root: the powercap directory of the kernel.
    :raises EnergyError: if there are no readable counters.
    """

    source = ReadingSource.COUNTER

    def __init__(
        self, root: Path = POWERCAP_DIR, interval_s: float = 60.0, now_s: Callable[[], float] = monotonic_s
    ) -> None:
        paths = _find_domains(root)
        if not paths:
            message = f"Expected readable energy counters of CPUs in {root}, got none; set live.meter = 'modelled'."
            raise EnergyError(message)
        self.origin = "RAPL counters " + ", ".join(path.name for path in paths)
        self._now_s = now_s
        self._start_s = now_s()
        self._domains = [_RaplDomain(path, self._start_s) for path in paths]
        self._lock = threading.Lock()
        self._stop_event = threading.Event()
        self._interval_s = interval_s
        self._thread = threading.Thread(target=self._poll, name="ce-nas rapl", daemon=True)
        self._thread.start()

    def snapshot(self) -> MeterSnapshot:
        """See :meth:`EnergyMeter.snapshot`."""
        with self._lock:
            at_s = self._now_s()
            energy_j = sum(domain.read_energy_j(at_s) for domain in self._domains)
        return MeterSnapshot(at_s, energy_j, at_s - self._start_s)

    def close(self) -> None:
        """See :meth:`EnergyMeter.close`."""
        self._stop_event.set()
        self._thread.join()

    def _poll(self) -> None:
        while not self._stop_event.wait(self._interval_s):
            with self._lock:
                for domain in self._domains:
                    try:
                        domain.update(self._now_s())
                    except EnergyError as error:
                        _log.warning("RAPL: %s", error)


class _RaplDomain:
    """One counter, extended over its wraps."""

    def __init__(self, path: Path, now_s: float) -> None:
        self._path = path
        self._range_uj = _read_microjoules(path / "max_energy_range_uj")
        self._last_uj = _read_microjoules(path / "energy_uj")
        self._last_s = now_s
        self._total_uj = 0
        self._was_reset = False

    def read_energy_j(self, now_s: float) -> float:
        """Return the energy since the first read, J.

        :raises EnergyError: if it cannot be read, or was reset since the last call.
        """
        self.update(now_s)
        if self._was_reset:
            self._was_reset = False
            message = (
                f"Expected the counter {self._path.name} to count on, but it was reset, as when its driver is "
                "reloaded: the energy since the last reading is unknown; resume the run."
            )
            raise EnergyError(message)
        return self._total_uj / 1e6

    def update(self, now_s: float) -> None:
        """Add what the counter has counted since the last read.

        :raises EnergyError: if it cannot be read.
        """
        now_uj = _read_microjoules(self._path / "energy_uj")
        passed_uj = now_uj - self._last_uj
        if passed_uj < 0:
            passed_uj += self._range_uj
            if passed_uj / 1e6 > MAX_DOMAIN_W * (now_s - self._last_s) + _WRAP_ALLOWANCE_J:
                self._was_reset, passed_uj = True, 0
        self._total_uj += passed_uj
        self._last_uj, self._last_s = now_uj, now_s


def has_rapl(root: Path = POWERCAP_DIR) -> bool:
    """Tell whether there are readable counters (many kernels restrict them to root)."""
    return bool(_find_domains(root))


def rapl_obstacle(root: Path = POWERCAP_DIR) -> str:
    """Say why counters that exist are not used, and the way out; empty where there are none, or they are readable."""
    present = [path for path in root.glob("intel-rapl:*") if path.name.count(":") == 1]
    if not present or has_rapl(root):
        return ""
    return (
        "its RAPL counters cannot be read; as root, allow it with: chmod a+r "
        f"{root}/intel-rapl:*/energy_uj {root}/intel-rapl:*/max_energy_range_uj"
    )


def package_limit_w(root: Path = POWERCAP_DIR) -> float | None:
    """Read the most that all CPU packages may draw over time, W: their long-term limits; None where one is not known.

    The limits are readable by everyone, also where the counters are not.
    """
    limits_w = []
    for path in sorted(root.glob("intel-rapl:*")):
        if path.name.count(":") != 1:
            continue
        limit_uw = _read_or_none(path / "constraint_0_power_limit_uw") or _read_or_none(
            path / "constraint_0_max_power_uw"
        )
        if not limit_uw:
            return None
        limits_w.append(limit_uw / 1e6)
    return sum(limits_w) or None


def _read_or_none(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _find_domains(root: Path) -> Sequence[Path]:
    """Find the counters of packages and their memory; those of cores are included in their package.

    None where a package cannot be read, since the sum of the others would be too small.
    """
    paths = []
    for path in sorted(root.glob("intel-rapl:*")):
        name = ""
        try:
            name = (path / "name").read_text().strip()
            _read_microjoules(path / "energy_uj")
            _read_microjoules(path / "max_energy_range_uj")
        except (OSError, EnergyError):
            if name.startswith("package"):
                return []
            continue
        if name.startswith("package") or name == "dram":
            paths.append(path)
    return paths


def _read_microjoules(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError) as error:
        message = f"Expected a number of microjoules in {path}, but {error}; set live.meter = 'modelled'."
        raise EnergyError(message) from error
