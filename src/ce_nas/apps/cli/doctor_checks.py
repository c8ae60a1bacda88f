"""The checks of ``ce-nas doctor`` that concern devices: GPUs and meters, Ray, Slurm, the clock."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ce_nas.core.clock import utc_now
from ce_nas.core.errors import CeNasError, MissingExtraError
from ce_nas.energy.cuda_devices import list_visible_gpus
from ce_nas.energy.device_power import device_power
from ce_nas.energy.nvml import gpu_power_limit_w, load_nvml, nvml_meter
from ce_nas.energy.power_model import PowerModel
from ce_nas.energy.rapl import RaplMeter, has_rapl, rapl_obstacle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ce_nas.energy.cuda_devices import CudaDevice

__all__ = ["DoctorCheck", "check_devices"]

#: time in which a program or a cluster answers, s
_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class DoctorCheck:
    """The result of one check."""

    #: ``required packages``, ``extras``, ``machine`` or ``devices``
    group: str
    name: str
    ok: bool
    #: False if a search runs without it
    required: bool
    #: versions or properties, or what is wrong
    details: str
    #: how to fix what is wrong: a command, or a sentence; empty if nothing is
    fix: str = ""


def check_devices() -> Iterator[DoctorCheck]:
    """Check what measures and what trains: none of it is required, since a search can do without."""
    yield from _check_gpus()
    yield _check_rapl()
    yield _check_ray()
    yield _check_slurm()
    yield _check_clock()


def _check_gpus() -> Iterator[DoctorCheck]:
    """Each GPU that CUDA shows, by UUID, with its meter and its power limit."""
    try:
        nvml = load_nvml()
        gpus = list_visible_gpus(nvml, os.environ)
    except MissingExtraError:
        has_driver = Path("/proc/driver/nvidia/version").exists()
        yield DoctorCheck(
            "devices",
            "GPUs",
            ok=not has_driver,
            required=False,
            details="an NVIDIA driver, but no NVML bindings" if has_driver else "no NVIDIA driver: devices are CPUs",
            fix="pip install --upgrade 'ce-nas[gpu]'" if has_driver else "",
        )
        return
    except CeNasError as error:
        yield DoctorCheck("devices", "GPUs", ok=False, required=False, details=str(error))
        return
    mask = os.environ.get("CUDA_VISIBLE_DEVICES")
    if not gpus:
        details = "none" if mask is None else f"none under CUDA_VISIBLE_DEVICES={mask!r}"
        fix = "" if mask is None else "unset CUDA_VISIBLE_DEVICES"
        yield DoctorCheck("devices", "GPUs", ok=mask is None, required=False, details=details, fix=fix)
    for number, gpu in enumerate(gpus):
        yield _check_gpu(f"cuda:{number}", gpu, nvml)


def _check_gpu(name: str, gpu: CudaDevice, nvml: Any) -> DoctorCheck:  # noqa: ANN401 - the bindings
    words = f"{gpu.name} {gpu.uuid}"
    if gpu.is_mig:
        return DoctorCheck(
            "devices",
            name,
            ok=False,
            required=False,
            details=f"{words}: NVML counts the energy of whole GPUs only, so it is modelled",
            fix="use a GPU without MIG to measure it",
        )
    try:
        with nvml_meter(gpu, nvml=nvml) as meter:
            source = meter.source
        limit_w = gpu_power_limit_w(gpu, nvml=nvml)
    except CeNasError as error:
        return DoctorCheck("devices", name, ok=False, required=False, details=f"{words}: {error}")
    details = f"{words}: energy by {source}, power limit {limit_w:g} W"
    return DoctorCheck("devices", name, ok=True, required=False, details=details)


def _check_rapl() -> DoctorCheck:
    """The energy counters of the processors."""
    bound = device_power("cpu", 1, PowerModel())
    if has_rapl():
        with RaplMeter() as meter:
            details = f"{meter.origin}; at most {bound.limit_w:.4g} W"
        return DoctorCheck("devices", "CPU energy", ok=True, required=False, details=details)
    obstacle = rapl_obstacle()
    reason, _, command = obstacle.rpartition("allow it with: ")
    return DoctorCheck(
        "devices",
        "CPU energy",
        ok=not obstacle,
        required=False,
        details=f"modelled by CPU time, since {reason.partition(';')[0] or 'this machine has no RAPL counters'}; "
        f"at most {bound.limit_w:.4g} W",
        fix=f"sudo {command}" if obstacle else "",
    )


def _check_ray() -> DoctorCheck:
    """Ray, and the cluster that its environment names; none is started."""
    version = _installed_version("ray")
    if version is None:
        return DoctorCheck(
            "devices",
            "Ray",
            ok=True,
            required=False,
            details="not installed",
            fix="pip install 'ce-nas[ray]'",
        )
    address = os.environ.get("RAY_ADDRESS", "")
    host, _, port = address.removeprefix("ray://").rpartition(":")
    details = f"{version}; RAY_ADDRESS {address or 'not set: a cluster of this machine is used or started'}"
    if not (host and port.isdigit()):
        return DoctorCheck("devices", "Ray", ok=True, required=False, details=details)
    try:
        socket.create_connection((host, int(port)), timeout=_TIMEOUT_S).close()
    except OSError as error:
        return DoctorCheck(
            "devices",
            "Ray",
            ok=False,
            required=False,
            details=f"{details}, which cannot be reached: {error}",
            fix="set RAY_ADDRESS to the address that `ray start --head` printed, or unset it",
        )
    return DoctorCheck("devices", "Ray", ok=True, required=False, details=details)


def _check_slurm() -> DoctorCheck:
    """Slurm's programs, whether its controller answers, and submitit."""
    if shutil.which("sinfo") is None:
        return DoctorCheck("devices", "Slurm", ok=True, required=False, details="no Slurm on this machine")
    try:
        partitions = _output_of("sinfo", "--noheader", "--format=%P %D %G")
    except (OSError, subprocess.SubprocessError) as error:
        return DoctorCheck(
            "devices",
            "Slurm",
            ok=False,
            required=False,
            details=f"its controller does not answer: {error}",
            fix="check with `scontrol ping`; jobs are sent from a login node",
        )
    version = _installed_version("submitit")
    details = f"partitions, nodes and GPUs: {', '.join(partitions.splitlines())}; submitit {version or 'missing'}"
    fix = "" if version else "pip install --upgrade 'ce-nas[slurm]'"
    return DoctorCheck("devices", "Slurm", ok=version is not None, required=False, details=details, fix=fix)


def _check_clock() -> DoctorCheck:
    """The date, on which the hours of the grid depend."""
    now = utc_now()
    installed = datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC)
    details = f"{now:%Y-%m-%d %H:%M} UTC"
    if now < installed:
        return DoctorCheck(
            "devices",
            "clock",
            ok=False,
            required=False,
            details=f"{details} is before this package was installed ({installed:%Y-%m-%d})",
            fix="sudo timedatectl set-ntp true",
        )
    try:
        is_synchronised = _output_of("timedatectl", "show", "--property=NTPSynchronized", "--value").strip() == "yes"
    except (OSError, subprocess.SubprocessError):
        return DoctorCheck("devices", "clock", ok=True, required=False, details=f"{details}; synchronisation not known")
    return DoctorCheck(
        "devices",
        "clock",
        ok=is_synchronised,
        required=False,
        details=f"{details}, {'' if is_synchronised else 'not '}synchronised",
        fix="" if is_synchronised else "sudo timedatectl set-ntp true",
    )


def _installed_version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _output_of(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=_TIMEOUT_S).stdout  # noqa: S603 - constant commands
