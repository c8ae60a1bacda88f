"""Power limits of this machine's GPUs: set by NVML, and restored at the end, on signals and after a crash.

Limits are restored by :meth:`GpuLimits.close`; by a guard process, once the process that set them is gone, however it
ended; and where both were killed, by the next run, since the limits before the first change are on disk until they are
restored. A reboot resets them, too.

Source
    [NVML] NVIDIA Management Library: nvmlDeviceSetPowerManagementLimit (mW; needs root, or a driver that permits it),
        nvmlDeviceGetPowerManagementLimit, nvmlDeviceGetPowerManagementLimitConstraints,
        nvmlDeviceGetPowerManagementDefaultLimit.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import EnergyError
from ce_nas.energy.nvml import load_nvml

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.energy.cuda_devices import CudaDevice
    from ce_nas.energy.power_profile import PowerLimit

__all__ = ["GpuLimits"]

#: time for the guard to start, and to end, s
_GUARD_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class _Gpu:
    """One GPU, and the power limits that it had and takes, mW."""

    device: CudaDevice
    handle: object
    before_mw: int
    default_mw: int
    lowest_mw: int
    highest_mw: int


class GpuLimits:
    """Sets the power limits of GPUs until it is closed.

    :param gpus: the GPUs.
    :param default_w: the default limit of the profile; a GPU with another one gets the same share of its own.
    :param nvml: the bindings, see :func:`ce_nas.energy.nvml.load_nvml`.
    :param folder: where the limits before the first change are kept; None: the folder for temporary files.
    :raises EnergyError: if a limit may not be set, or a GPU is a MIG instance.
    """

    def __init__(
        self,
        gpus: Sequence[CudaDevice],
        default_w: float,
        *,
        nvml: Any = None,  # noqa: ANN401 - bindings
        folder: Path | None = None,
    ) -> None:
        self._nvml = nvml or load_nvml()
        #: default limit of the profile whose limits :meth:`apply` is given, W
        self.default_w = default_w
        self._folder = folder or Path(tempfile.gettempdir())
        self._guard: subprocess.Popen[str] | None = None
        self._gpus = [self._open(gpu) for gpu in gpus]

    def apply(self, limit: PowerLimit) -> None:
        """Set a limit of the profile, within what each GPU takes; the first call starts the guard.

        :raises EnergyError: if a limit cannot be set any more.
        """
        self._start_guard()
        shares = {each.name: each.share for each in limit.of_types}
        for gpu in self._gpus:
            share = shares.get(gpu.device.name, limit.limit_w / self.default_w)
            self._set_within(gpu, round(share * gpu.default_mw))

    def range_w(self, uuid: str) -> tuple[float, float]:
        """The lowest and the highest limit that a GPU may get, W."""
        gpu = self._find(uuid)
        return gpu.lowest_mw / 1e3, min(gpu.default_mw, gpu.before_mw) / 1e3

    def set_one(self, uuid: str, limit_w: float) -> None:
        """Set the limit of one GPU, W, within what it takes; starts the guard, too.

        :raises EnergyError: if it cannot be set any more.
        """
        self._start_guard()
        self._set_within(self._find(uuid), round(limit_w * 1e3))

    def close(self) -> None:
        """Restore the limits, and end the guard."""
        if self._guard is None:
            return
        for gpu in self._gpus:
            with suppress(EnergyError):  # the guard tries again
                self._set(gpu, gpu.before_mw)
                self._record(gpu).unlink(missing_ok=True)
        guard, self._guard = self._guard, None
        if guard.stdin is not None:
            guard.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            guard.wait(_GUARD_TIMEOUT_S)

    def _start_guard(self) -> None:
        """Keep the present limits on record, and start the guard, once."""
        if self._guard is None:
            for gpu in self._gpus:
                _write_record(self._record(gpu), gpu.device.uuid, gpu.before_mw)
            self._guard = _start_guard([self._record(gpu) for gpu in self._gpus])

    def _find(self, uuid: str) -> _Gpu:
        return next(gpu for gpu in self._gpus if gpu.device.uuid == uuid)

    def _set_within(self, gpu: _Gpu, wanted_mw: int) -> None:
        """Set a limit within what the GPU takes; one that was lowered before the run stays the highest one."""
        self._set(gpu, min(max(wanted_mw, gpu.lowest_mw), gpu.highest_mw, gpu.before_mw))

    def _open(self, device: CudaDevice) -> _Gpu:
        """Read the limits of a GPU, and check that they may be set."""
        nvml = self._nvml
        if device.is_mig:
            message = f"Expected a whole GPU for a power limit, got the MIG instance {device.uuid}."
            raise EnergyError(message)
        try:
            handle = nvml.nvmlDeviceGetHandleByUUID(device.uuid)
            lowest_mw, highest_mw = nvml.nvmlDeviceGetPowerManagementLimitConstraints(handle)
            default_mw = int(nvml.nvmlDeviceGetPowerManagementDefaultLimit(handle))
            present_mw = int(nvml.nvmlDeviceGetPowerManagementLimit(handle))
            record = self._folder / _record_name(device.uuid)
            before_mw = _read_record(record) or present_mw
            nvml.nvmlDeviceSetPowerManagementLimit(handle, before_mw)
            record.unlink(missing_ok=True)
        except nvml.NVMLError as error:
            message = (
                f"Expected the permission to set the power limit of {device.name} ({device.uuid}), but {error}; run as "
                "root, or leave out --power-lever."
            )
            raise EnergyError(message) from error
        return _Gpu(device, handle, before_mw, default_mw, int(lowest_mw), int(highest_mw))

    def _set(self, gpu: _Gpu, limit_mw: int) -> None:
        try:
            self._nvml.nvmlDeviceSetPowerManagementLimit(gpu.handle, limit_mw)
        except self._nvml.NVMLError as error:
            message = f"Expected to set {limit_mw / 1e3:g} W as the power limit of {gpu.device.uuid}, but {error}."
            raise EnergyError(message) from error

    def _record(self, gpu: _Gpu) -> Path:
        return self._folder / _record_name(gpu.device.uuid)


def _record_name(uuid: str) -> str:
    return f"ce-nas-power-limit-{uuid}.json"


def _write_record(path: Path, uuid: str, limit_mw: int) -> None:
    """Keep the limit that a GPU had."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"uuid": uuid, "limit_mw": limit_mw}))
    part.replace(path)


def _read_record(path: Path) -> int | None:
    """The limit that a GPU had before a run that did not restore it, mW; None if there is none."""
    try:
        return int(json.loads(path.read_text())["limit_mw"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _start_guard(records: Sequence[Path]) -> subprocess.Popen[str]:
    """Start the process that restores the limits once this one is gone; waits until it watches."""
    command = [sys.executable, "-m", "ce_nas.energy.gpu_limits", *map(str, records)]
    guard = subprocess.Popen(  # noqa: S603 - this package's own module
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    if guard.stdout is None or guard.stdout.readline().strip() != "watching":
        message = (
            "Expected a guard process that restores the GPUs' power limits, but it did not start; no limit is set."
        )
        raise EnergyError(message)
    guard.stdout.close()
    return guard


def restore_limits(records: Sequence[Path], nvml: Any) -> None:  # noqa: ANN401 - bindings
    """Restore the limits that are on record still."""
    for record in records:
        limit_mw = _read_record(record)
        if limit_mw is None:
            continue
        with suppress(nvml.NVMLError):
            handle = nvml.nvmlDeviceGetHandleByUUID(json.loads(record.read_text())["uuid"])
            nvml.nvmlDeviceSetPowerManagementLimit(handle, limit_mw)
            record.unlink(missing_ok=True)


def guard_limits(records: Sequence[Path]) -> None:
    """The guard: waits for the end of the process that started it, or a signal, and restores the limits."""
    nvml = load_nvml()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _raise_end)
    with suppress(_EndOfGuard):
        sys.stdout.write("watching\n")
        sys.stdout.flush()
        sys.stdin.read()
    restore_limits(records, nvml)


class _EndOfGuard(Exception):  # noqa: N818 - not an error
    """A signal asked the guard to end."""


def _raise_end(*_: object) -> None:
    raise _EndOfGuard


if __name__ == "__main__":
    guard_limits([Path(record) for record in sys.argv[1:]])
