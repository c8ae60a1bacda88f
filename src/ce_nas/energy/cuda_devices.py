"""Which physical GPU a CUDA device number means, by UUID.

CUDA numbers the devices that ``CUDA_VISIBLE_DEVICES`` leaves, in an order of its own (fastest first, unless
``CUDA_DEVICE_ORDER=PCI_BUS_ID``); NVML numbers all of them in PCI order. Only a UUID means the same to both.

Sources
    [CUDA] CUDA C++ Programming Guide, CUDA Environment Variables: CUDA_VISIBLE_DEVICES holds indices, or UUIDs or
        prefixes of them (GPU-..., MIG-...); devices after the first invalid entry are not visible.
    [Slurm] sbatch, Output Environment Variables: SLURM_STEP_GPUS and SLURM_JOB_GPUS, the global numbers of the GPUs
        given to the step and the job on this node, in PCI order.
    [NVML] NVML API Reference: nvmlDeviceGetUUID, nvmlDeviceGetHandleByUUID, nvmlDeviceGetMigMode.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import EnergyError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

__all__ = ["CudaDevice", "cuda_uuid", "list_visible_gpus", "resolve_cuda_device", "show_only_device"]


@dataclass(frozen=True, slots=True)
class CudaDevice:
    """One GPU, or one MIG instance of a GPU."""

    #: the device's own UUID: what ``CUDA_VISIBLE_DEVICES`` takes
    uuid: str
    #: its model, as NVML names it
    name: str
    #: its number in NVML's order; of a MIG instance None, since NVML counts whole GPUs
    nvml_index: int | None

    @property
    def is_mig(self) -> bool:
        """Whether it is a part of a GPU: it has no energy counter of its own."""
        return self.uuid.startswith("MIG-")


def list_visible_gpus(nvml: Any, environ: Mapping[str, str]) -> tuple[CudaDevice, ...]:  # noqa: ANN401 - bindings
    """The devices that CUDA shows to a process with this environment, in CUDA's order.

    :param nvml: the bindings, see :func:`ce_nas.energy.nvml.load_nvml`.
    :raises EnergyError: if CUDA's order cannot be known without CUDA: GPUs of several models, fastest first.
    """
    gpus = _list_gpus(nvml)
    mask = environ.get("CUDA_VISIBLE_DEVICES")
    ordered = gpus
    if mask is None or any(entry.strip().isdigit() for entry in mask.split(",")):
        ordered = _in_cuda_order(gpus, environ)
    if mask is None:
        return ordered
    visible: list[CudaDevice] = []
    for entry in (part.strip() for part in mask.split(",")):
        device = _find(entry, ordered)
        if device is None or device in visible:  # [CUDA] what follows an invalid entry is not visible
            break
        visible.append(device)
    return tuple(visible)


def resolve_cuda_device(
    number: int,
    nvml: Any,  # noqa: ANN401 - bindings
    environ: Mapping[str, str],
    uuid_of: Callable[[int], str | None] | None = None,
) -> CudaDevice:
    """The GPU that CUDA calls ``cuda:number``.

    :param uuid_of: CUDA's own answer, where CUDA is loaded: the UUID of a device number.
    :raises EnergyError: if there is no such device, or CUDA's order cannot be known.
    """
    stated = uuid_of(number) if uuid_of else None
    if stated:
        stated = stated if stated.startswith(("GPU-", "MIG-")) else f"GPU-{stated}"
        found = next((gpu for gpu in _list_gpus(nvml) if gpu.uuid == stated), None)
        return found or CudaDevice(stated, "MIG instance" if stated.startswith("MIG-") else "GPU", None)
    return _pick(number, list_visible_gpus(nvml, environ), environ)


def _pick(number: int, visible: tuple[CudaDevice, ...], environ: Mapping[str, str]) -> CudaDevice:
    """The visible device of a number.

    :raises EnergyError: if there is none.
    """
    if 0 <= number < len(visible):
        return visible[number]
    shown = environ.get("CUDA_VISIBLE_DEVICES")
    mask = "" if shown is None else f" under CUDA_VISIBLE_DEVICES={shown!r}"
    last = len(visible) - 1
    choices = "cuda:0" if not last else f"one of cuda:0 to cuda:{last}"
    way_out = (
        f"{', '.join(gpu.name for gpu in visible)}. Choose {choices}." if visible else "none. Change it, or use cpu."
    )
    message = f"Expected the GPU cuda:{number}, but CUDA shows {len(visible)} device(s){mask}: {way_out}"
    raise EnergyError(message)


def cuda_uuid(number: int) -> str | None:
    """CUDA's own answer to which GPU ``cuda:number`` is: its UUID; None where CUDA is not loaded in this process."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized() or number >= torch.cuda.device_count():
        return None
    uuid = getattr(torch.cuda.get_device_properties(number), "uuid", None)
    return None if uuid is None else str(uuid)


def show_only_device(
    device: str,
    load_nvml: Callable[[], Any],
    environ: MutableMapping[str, str] = os.environ,
) -> str:
    """Hide every GPU but a device's own from this process and its children, before they load CUDA.

    A mask that a scheduler or a user has set is kept: ``cuda:1`` is the second device that it shows. The device is
    named by its UUID where NVML can tell it, so that no later order or mask changes which one is meant.

    :param device: for instance ``cuda:1``, or ``cuda:0+cuda:1`` for a trial on two; ``cuda`` is the first one; other
        devices change nothing.
    :param load_nvml: see :func:`ce_nas.energy.nvml.load_nvml`.
    :returns: the name of the device in this process from now on: ``cuda:0`` for a GPU, ``cuda:0+cuda:1`` for two.
    :raises EnergyError: if the mask shows no such device.
    """
    parts = device.split("+")
    if not all(part.partition(":")[0] == "cuda" for part in parts):
        return device
    _mask_as_slurm_assigned(environ)
    entries = [_mask_entry(part, load_nvml, environ) for part in parts]
    environ["CUDA_VISIBLE_DEVICES"] = ",".join(entries)
    return "+".join(f"cuda:{number}" for number in range(len(parts)))


def _mask_entry(device: str, load_nvml: Callable[[], Any], environ: Mapping[str, str]) -> str:
    """What names a device in a mask of its own: the UUID, else its entry in the mask of now, else its number.

    :raises EnergyError: if the mask shows no such device.
    """
    index, mask = int(device.partition(":")[2] or 0), environ.get("CUDA_VISIBLE_DEVICES")
    shown = None if mask is None else [entry.strip() for entry in mask.split(",") if entry.strip()]
    if shown is not None and index >= len(shown):
        message = (
            f"Expected the GPU {device}, but CUDA_VISIBLE_DEVICES={mask!r} shows {len(shown)} device(s): choose one of "
            "these, or change the mask."
        )
        raise EnergyError(message)
    entry = str(index) if shown is None else shown[index]
    if not entry.startswith(("GPU-", "MIG-")):
        visible = None
        with suppress(EnergyError, MissingExtraError):  # else: the number, which CUDA reads as the parent process does
            visible = list_visible_gpus(load_nvml(), environ)
        if visible is not None:
            return _pick(index, visible, environ).uuid
    return entry


def _mask_as_slurm_assigned(environ: MutableMapping[str, str]) -> None:
    """Show only the GPUs that Slurm assigned, on clusters that hide none by cgroups and set no mask."""
    assigned = environ.get("SLURM_STEP_GPUS") or environ.get("SLURM_JOB_GPUS")
    if assigned and "CUDA_VISIBLE_DEVICES" not in environ:
        environ["CUDA_VISIBLE_DEVICES"] = assigned
        environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"


def _list_gpus(nvml: Any) -> tuple[CudaDevice, ...]:  # noqa: ANN401 - bindings
    """All GPUs of the machine, in NVML's order (PCI)."""
    try:
        handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
        return tuple(
            CudaDevice(_text(nvml.nvmlDeviceGetUUID(handle)), _text(nvml.nvmlDeviceGetName(handle)), index)
            for index, handle in enumerate(handles)
        )
    except nvml.NVMLError as error:
        message = f"Expected NVML to list the GPUs by UUID, but {error}."
        raise EnergyError(message) from error


def _in_cuda_order(gpus: tuple[CudaDevice, ...], environ: Mapping[str, str]) -> tuple[CudaDevice, ...]:
    """The GPUs in the order in which CUDA numbers them: by PCI where that is set, or where all are of one model."""
    if environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID" or len({gpu.name for gpu in gpus}) <= 1:
        return gpus
    models = ", ".join(sorted({gpu.name for gpu in gpus}))
    message = (
        f"CUDA numbers GPUs of several models ({models}) fastest first, NVML by PCI bus, so which one cuda:0 is "
        "is unknown. Set CUDA_DEVICE_ORDER=PCI_BUS_ID, or name the GPUs by UUID in CUDA_VISIBLE_DEVICES."
    )
    raise EnergyError(message)


def _find(entry: str, gpus: tuple[CudaDevice, ...]) -> CudaDevice | None:
    """The device that an entry of CUDA_VISIBLE_DEVICES names: an index, or a UUID or the unique start of one."""
    if entry.isdigit():
        return gpus[int(entry)] if int(entry) < len(gpus) else None
    if entry.startswith("MIG-"):
        return CudaDevice(entry, "MIG instance", None)
    matching = [gpu for gpu in gpus if entry and gpu.uuid.startswith(entry)]
    return matching[0] if len(matching) == 1 else None


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
