"""NVIDIA GPUs: their own energy counter where they have one, else their power integrated over time.

Sources
    [NVML] NVIDIA Management Library: nvmlDeviceGetTotalEnergyConsumption (mJ since the driver was loaded, Volta and
        newer), nvmlDeviceGetPowerUsage (mW).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import EnergyError, MissingExtraError
from ce_nas.core.records import Source
from ce_nas.energy.base import Mark, Meter
from ce_nas.energy.sampling import SampledMeter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["NvidiaCounter", "load_nvml", "nvidia_meter", "require_alone"]


def load_nvml() -> Any:  # noqa: ANN401 - the bindings' module, made ready
    """The bindings of [NVML], made ready.

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
        message = f"Expected an NVIDIA driver to ask for energy, but {error}."
        raise EnergyError(message) from error
    return pynvml


class NvidiaCounter(Meter):
    """A GPU's own energy counter.

    :param nvml: the bindings, see :func:`load_nvml`.
    :param handle: the GPU's handle.
    :param name: the GPU in words.
    """

    source = Source.COUNTER

    def __init__(self, nvml: Any, handle: object, name: str, now_s: Callable[[], float] = monotonic_s) -> None:  # noqa: ANN401
        self.origin = f"energy counter of {name}"
        self._nvml = nvml
        self._handle = handle
        self._now_s = now_s
        self._zero_s = now_s()

    def mark(self) -> Mark:
        """See :meth:`Meter.mark`."""
        try:
            energy_mj = self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)
        except self._nvml.NVMLError as error:
            message = f"Expected a reading of the {self.origin}, but {error}."
            raise EnergyError(message) from error
        at_s = self._now_s()
        return Mark(at_s, energy_mj / 1e3, at_s - self._zero_s)


def nvidia_meter(index: int, *, nvml: Any = None, every_s: float = 0.1) -> Meter:  # noqa: ANN401
    """The best meter of GPU number ``index``: its counter, else its integrated power.

    :raises EnergyError: if there is no such GPU, or it tells neither.
    """
    nvml = nvml or load_nvml()
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        name = _text(nvml.nvmlDeviceGetName(handle))
    except nvml.NVMLError as error:
        message = f"Expected an NVIDIA GPU of number {index}, but {error}."
        raise EnergyError(message) from error
    try:
        nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except nvml.NVMLError:
        return _power_meter(nvml, handle, f"power of GPU {index} ({name})", every_s)
    return NvidiaCounter(nvml, handle, f"GPU {index} ({name})")


def require_alone(index: int, mine: Collection[int], *, nvml: Any = None) -> None:  # noqa: ANN401
    """See to it that no process but ``mine`` computes on GPU number ``index``: its energy cannot be told apart.

    :raises EnergyError: if one does.
    """
    nvml = nvml or load_nvml()
    running = nvml.nvmlDeviceGetComputeRunningProcesses(nvml.nvmlDeviceGetHandleByIndex(index))
    others = sorted({process.pid for process in running} - set(mine))
    if others:
        message = (
            f"Expected GPU {index} to be this run's alone, but the processes {', '.join(map(str, others))} compute on "
            "it too, and a GPU's energy cannot be divided between processes: choose a free GPU, or let the power be "
            "modelled with live.meter = 'modelled'."
        )
        raise EnergyError(message)


def _power_meter(nvml: Any, handle: object, origin: str, every_s: float) -> Meter:  # noqa: ANN401
    def power_w() -> float:
        return float(nvml.nvmlDeviceGetPowerUsage(handle)) / 1e3

    try:
        return SampledMeter(power_w, origin, every_s)
    except nvml.NVMLError as error:
        message = f"Expected the {origin}, but it tells neither energy nor power: {error}."
        raise EnergyError(message) from error


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
