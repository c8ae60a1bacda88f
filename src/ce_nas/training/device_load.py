"""How busy a device is while this process rests, before something is timed on it.

- CPU: the share of all cores' time that was not idle, from ``/proc/stat`` [proc]
- GPU: the share of time in which a kernel ran, NVML's utilisation, a second after this process's last one [NVML]

Sources
    [proc] proc_stat(5): the jiffies of user, nice, system, idle, iowait, irq, softirq, steal.
    [NVML] NVIDIA Management Library, ``nvmlDeviceGetUtilizationRates``: over a sample period of 1/6 s to 1 s.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import CeNasError
from ce_nas.energy.cuda_devices import cuda_uuid, resolve_cuda_device
from ce_nas.energy.nvml import load_nvml

__all__ = ["IDLE_SHARE", "LONGEST_WAIT_S", "read_busy_share", "wait_until_idle"]

#: a device that is busy for no more than this share is idle
IDLE_SHARE = 0.1
#: for how long an idle device is waited for, s
LONGEST_WAIT_S = 3.0
STAT_FILE = Path("/proc/stat")
#: time over which the CPU is looked at, and after which NVML's sample holds nothing of this process, s
_CPU_LOOK_S, _GPU_REST_S = 0.2, 1.0


def wait_until_idle(device: str, longest_s: float = LONGEST_WAIT_S) -> float | None:
    """Look at a device until it is idle, for about ``longest_s``; returns the busy share of the last look.

    :return: a share of 1; None if it cannot be known.
    """
    deadline_s = monotonic_s() + longest_s
    while (share := read_busy_share(device)) is not None and share > IDLE_SHARE and monotonic_s() < deadline_s:
        pass
    return share


def read_busy_share(device: str, *, nvml: Any = None) -> float | None:  # noqa: ANN401 - an untyped module
    """The share of time for which a device is busy while this process rests; None if it cannot be known."""
    return _gpu_busy_share(device, nvml) if device.startswith("cuda") else _cpu_busy_share()


def _cpu_busy_share() -> float | None:
    try:
        first = _read_jiffies()
        _rest(_CPU_LOOK_S)
        second = _read_jiffies()
    except (OSError, ValueError):
        return None
    total, idle = (after - before for before, after in zip(first, second, strict=True))
    return 1.0 - idle / total if total else None


def _read_jiffies() -> tuple[int, int]:
    """All, and idle or waiting for a disk, since the machine's start [proc]."""
    fields = [int(field) for field in STAT_FILE.read_text().partition("\n")[0].split()[1:9]]
    return sum(fields), sum(fields[3:5])


def _gpu_busy_share(device: str, nvml: Any) -> float | None:  # noqa: ANN401 - an untyped module
    try:
        nvml = nvml or load_nvml()
        found = resolve_cuda_device(int(device.partition(":")[2] or 0), nvml, os.environ, cuda_uuid)
    except CeNasError:
        return None
    _rest(_GPU_REST_S)
    try:
        return float(nvml.nvmlDeviceGetUtilizationRates(nvml.nvmlDeviceGetHandleByUUID(found.uuid)).gpu) / 100.0
    except nvml.NVMLError:
        return None


def _rest(seconds: float) -> None:
    threading.Event().wait(seconds)
