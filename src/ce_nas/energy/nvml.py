"""NVML: the energy counter of NVIDIA GPUs, else their power integrated over time.

Sources
    [NVML] NVIDIA Management Library: nvmlDeviceGetTotalEnergyConsumption (mJ since the driver was loaded, Volta and
        newer), nvmlDeviceGetPowerUsage, nvmlDeviceGetEnforcedPowerLimit (mW).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import EnergyError, MissingExtraError
from ce_nas.core.records import ReadingSource
from ce_nas.energy.base import EnergyMeter, MeterSnapshot
from ce_nas.energy.sampling import SampledMeter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ce_nas.energy.cuda_devices import CudaDevice

__all__ = ["NvmlMeter", "gpu_power_limit_w", "load_nvml", "nvml_meter", "require_exclusive_gpu"]


def load_nvml() -> Any:  # noqa: ANN401 - an untyped module
    """Import and initialise the bindings of [NVML].

    :raises MissingExtraError: if they are not installed.
    :raises EnergyError: if there is no driver.
    """
    try:
        import pynvml
    except ImportError as error:
        package = "nvidia-ml-py"
        raise MissingExtraError(package, "gpu", "Reading the energy of an NVIDIA GPU") from error
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        message = f"Expected an NVIDIA driver, but {error}; install one, or set live.meter = 'modelled'."
        raise EnergyError(message) from error
    return pynvml


class NvmlMeter(EnergyMeter):
    """The energy counter of a GPU, from 0 when the meter is built.

    :param nvml: the bindings, see :func:`load_nvml`.
    :param handle: NVML handle of the GPU.
    :param name: description of the GPU.
    """

    source = ReadingSource.COUNTER

    def __init__(self, nvml: Any, handle: object, name: str, now_s: Callable[[], float] = monotonic_s) -> None:  # noqa: ANN401
        self.origin = f"energy counter of {name}"
        self._nvml = nvml
        self._handle = handle
        self._now_s = now_s
        self._start_s = now_s()
        self._start_mj = self._read_mj()

    def snapshot(self) -> MeterSnapshot:
        """See :meth:`EnergyMeter.snapshot`."""
        energy_mj = self._read_mj() - self._start_mj
        at_s = self._now_s()
        return MeterSnapshot(at_s, energy_mj / 1e3, at_s - self._start_s)

    def _read_mj(self) -> int:
        try:
            return int(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle))
        except self._nvml.NVMLError as error:
            message = f"Expected a reading of the {self.origin}, but {error}."
            raise EnergyError(message) from error


def nvml_meter(device: CudaDevice, *, nvml: Any = None, interval_s: float = 0.1) -> EnergyMeter:  # noqa: ANN401
    """Select the meter of a GPU: its energy counter, else its integrated power.

    :param device: the GPU, see :func:`ce_nas.energy.cuda_devices.resolve_cuda_device`.
    :raises EnergyError: if there is no such GPU, it is a MIG instance, or it reports neither.
    """
    nvml = nvml or load_nvml()
    handle = _gpu_handle(device, nvml)
    label = f"{device.name} ({device.uuid})"
    try:
        nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except nvml.NVMLError:
        return _power_meter(nvml, handle, f"power of {label}", interval_s)
    return NvmlMeter(nvml, handle, label)


def gpu_power_limit_w(device: CudaDevice, *, nvml: Any = None) -> float:  # noqa: ANN401
    """Read the most that a GPU may draw now, W: its enforced power limit.

    :raises EnergyError: if it does not say.
    """
    nvml = nvml or load_nvml()
    try:
        return float(nvml.nvmlDeviceGetEnforcedPowerLimit(_gpu_handle(device, nvml))) / 1e3
    except nvml.NVMLError as error:
        message = f"Expected the power limit of {device.name} ({device.uuid}), but {error}."
        raise EnergyError(message) from error


def require_exclusive_gpu(device: CudaDevice, own_pids: Collection[int], *, nvml: Any = None) -> None:  # noqa: ANN401
    """Require that only the processes ``own_pids`` use a GPU: its energy is not divisible.

    :raises EnergyError: if another process does.
    """
    nvml = nvml or load_nvml()
    handle = _gpu_handle(device, nvml)
    try:
        running = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
    except nvml.NVMLError as error:
        message = (
            f"Expected the list of processes on the GPU {device.uuid}, whose energy cannot be divided between them, "
            f"but {error}; set live.meter = 'modelled'."
        )
        raise EnergyError(message) from error
    others = sorted({process.pid for process in running} - set(own_pids))
    if others:
        message = (
            f"Expected exclusive use of the GPU {device.uuid}, but the processes {', '.join(map(str, others))} use it "
            "too, and the energy of a GPU cannot be divided between processes; choose a free GPU, or set live.meter = "
            "'modelled'."
        )
        raise EnergyError(message)


def _gpu_handle(device: CudaDevice, nvml: Any) -> object:  # noqa: ANN401
    if device.is_mig:
        message = (
            f"Expected a whole GPU, got the MIG instance {device.uuid}: NVML counts the energy of whole GPUs only; use "
            "a GPU without MIG, or set live.meter = 'modelled'."
        )
        raise EnergyError(message)
    try:
        handle: object = nvml.nvmlDeviceGetHandleByUUID(device.uuid)
    except nvml.NVMLError as error:
        message = f"Expected the NVIDIA GPU {device.uuid}, but {error}; choose another device."
        raise EnergyError(message) from error
    if _is_divided(handle, nvml):
        message = (
            f"Expected a whole GPU, but {device.name} ({device.uuid}) is divided by MIG: CUDA shows one of its parts, "
            "and NVML counts the energy of all of them; switch MIG off, or set live.meter = 'modelled'."
        )
        raise EnergyError(message)
    return handle


def _is_divided(handle: object, nvml: Any) -> bool:  # noqa: ANN401
    """Whether MIG is on; GPUs and bindings that do not know it have none."""
    try:
        current, _ = nvml.nvmlDeviceGetMigMode(handle)
    except (nvml.NVMLError, AttributeError):
        return False
    return bool(current)


def _power_meter(nvml: Any, handle: object, origin: str, interval_s: float) -> EnergyMeter:  # noqa: ANN401
    def power_w() -> float:
        return float(nvml.nvmlDeviceGetPowerUsage(handle)) / 1e3

    try:
        return SampledMeter(power_w, origin, interval_s)
    except nvml.NVMLError as error:
        message = (
            f"Expected the {origin}, but it reports neither energy nor power ({error}); set live.meter = 'modelled'."
        )
        raise EnergyError(message) from error
