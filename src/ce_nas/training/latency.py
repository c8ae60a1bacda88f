"""Measure a network's inference latency on this machine, and its energy if there is a meter.

=============== ===================================================================================
eager           plain PyTorch
compiled        torch.compile
onnxruntime     the network exported to ONNX, by ONNX Runtime (extra ``onnx``)
tensorrt        the same by ONNX Runtime's TensorRT provider in fp16, if it is installed
=============== ===================================================================================

Source
    [Conover] Conover. Practical Nonparametric Statistics. 3rd ed., 1999, section 3.2: the interval of a quantile from
        order statistics.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import nn

from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import MissingExtraError, SettingsError, unknown_choice_message
from ce_nas.energy.base import usage_between
from ce_nas.training.device_load import LONGEST_WAIT_S, wait_until_idle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ce_nas.core.records import ReadingSource
    from ce_nas.energy.base import EnergyMeter

__all__ = ["Latency", "Runtime", "export_onnx", "measure_latency", "median_interval"]

Runtime = Literal["eager", "compiled", "onnxruntime", "tensorrt"]
_RUNTIMES = ("eager", "compiled", "onnxruntime", "tensorrt")
_ONNX_OPSET = 18


@dataclass(frozen=True, slots=True)
class Latency:
    """The duration of a forward pass, and how it was measured."""

    runtime: Runtime
    #: the device in words
    device: str
    #: images per pass
    batch: int
    #: timed passes, after the warm-up
    passes: int
    #: median of the passes, s
    median_s: float
    #: 95 % interval of the median [Conover], s
    low_s: float
    high_s: float
    #: 95th percentile of the passes, s
    p95_s: float
    #: of the network's numbers: float32, or fp16 by TensorRT
    precision: Literal["float32", "fp16"] = "float32"
    #: energy of one pass, J; None without a meter
    energy_j: float | None = None
    #: source of the energy reading; None without a meter
    energy_source: ReadingSource | None = None
    #: share of time for which others used the device just before; None if unknown
    busy_share: float | None = None


def measure_latency(  # noqa: PLR0913 - the keywords are optional
    network: nn.Module,
    input_shape: tuple[int, int, int],
    *,
    runtime: Runtime = "eager",
    device: str = "cpu",
    batch: int = 1,
    passes: int = 100,
    warm_up: int = 10,
    meter: EnergyMeter | None = None,
    longest_wait_s: float = LONGEST_WAIT_S,
) -> Latency:
    """Time the forward passes of a network on random images, once the device is idle or has not been for some time.

    :param input_shape: channels, height and width of an image.
    :param meter: the device's meter, for the energy of a pass; nothing else should run on the device.
    :param longest_wait_s: for how long an idle device is waited for, s; 0 looks once.
    :raises SettingsError: if the runtime is unknown, or this machine's ONNX Runtime lacks TensorRT.
    :raises MissingExtraError: if the runtime's package is not installed.
    """
    _require_valid(runtime, batch, passes, warm_up)
    images = torch.randn(batch, *input_shape, generator=torch.Generator().manual_seed(0))
    if runtime in {"eager", "compiled"}:
        run = _build_torch_pass(network, images, torch.device(device), compiled=runtime == "compiled")
    else:
        run = _build_onnx_pass(network, images, device, tensorrt=runtime == "tensorrt")
    busy_share = wait_until_idle(device, longest_wait_s)
    for _ in range(warm_up):
        run()
    first = meter.snapshot() if meter else None
    times_s = np.array([_time_pass(run) for _ in range(passes)])
    used = usage_between(first, meter.snapshot()) if meter and first else None
    low_s, high_s = median_interval(times_s)
    return Latency(
        runtime,
        _describe_device(device),
        batch,
        passes,
        float(np.median(times_s)),
        low_s,
        high_s,
        float(np.quantile(times_s, 0.95)),
        "fp16" if runtime == "tensorrt" else "float32",
        used.energy_j / passes if used else None,
        meter.source if meter else None,
        busy_share,
    )


def _require_valid(runtime: str, batch: int, passes: int, warm_up: int) -> None:
    if runtime not in _RUNTIMES:
        raise SettingsError(unknown_choice_message("runtime", runtime, _RUNTIMES))
    if batch < 1 or passes < 1 or warm_up < 0:
        message = (
            f"Expected a batch and passes of 1 or more and a warm-up of 0 or more, got {batch}, {passes}, {warm_up}."
        )
        raise SettingsError(message)


def median_interval(times: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of the median of independent values, by order statistics [Conover].

    :param times: shape ``(n,)``; with fewer than six the interval is their range.
    """
    ordered = np.sort(times)
    half = 1.96 * np.sqrt(len(ordered)) / 2.0
    low, high = int(np.floor(len(ordered) / 2.0 - half)), int(np.ceil(len(ordered) / 2.0 + half))
    return float(ordered[max(low - 1, 0)]), float(ordered[min(high, len(ordered) - 1)])


def export_onnx(network: nn.Module, input_shape: tuple[int, int, int], target: Path | io.BytesIO) -> None:
    """Write a network as ONNX with its weights and a free batch dimension.

    :raises MissingExtraError: if the package ``onnx`` is not installed.
    """
    try:
        import onnx  # noqa: F401 - torch exports with it
    except ImportError as error:
        package = "onnx"
        raise MissingExtraError(package, "onnx", "Exporting a network to ONNX") from error
    where = target if isinstance(target, io.BytesIO) else str(target)
    torch.onnx.export(
        network.eval().cpu(),
        (torch.zeros(1, *input_shape),),
        where,  # type: ignore[arg-type]
        input_names=["images"],
        output_names=["logits"],
        dynamic_axes={"images": {0: "n"}, "logits": {0: "n"}},
        opset_version=_ONNX_OPSET,
        dynamo=False,
    )


def _time_pass(run: Callable[[], None]) -> float:
    start_s = monotonic_s()
    run()
    return monotonic_s() - start_s


def _build_torch_pass(
    network: nn.Module, images: torch.Tensor, device: torch.device, *, compiled: bool
) -> Callable[[], None]:
    network = network.eval().to(device)
    forward = torch.compile(network) if compiled else network
    images = images.to(device)

    def run() -> None:
        with torch.inference_mode():
            forward(images)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return run


def _build_onnx_pass(network: nn.Module, images: torch.Tensor, device: str, *, tensorrt: bool) -> Callable[[], None]:
    try:
        import onnxruntime
    except ImportError as error:
        package = "onnxruntime"
        raise MissingExtraError(package, "onnx", "Timing a network by ONNX Runtime") from error
    provider = "TensorrtExecutionProvider" if tensorrt else _onnx_provider(device)
    if provider not in onnxruntime.get_available_providers():
        message = (
            f"Expected an ONNX Runtime with {provider}, got one with "
            f"{', '.join(onnxruntime.get_available_providers())}; choose another runtime or install one that has it."
        )
        raise SettingsError(message)
    content = io.BytesIO()
    export_onnx(network, tuple(images.shape[1:]), content)  # type: ignore[arg-type]
    options = [{"trt_fp16_enable": True}] if tensorrt else [{}]
    session = onnxruntime.InferenceSession(content.getvalue(), providers=[provider], provider_options=options)
    feed = {"images": images.numpy()}

    def run() -> None:
        session.run(None, feed)

    return run


def _onnx_provider(device: str) -> str:
    return "CUDAExecutionProvider" if device.startswith("cuda") else "CPUExecutionProvider"


def _describe_device(device: str) -> str:
    if device.startswith("cuda"):
        return f"{device}: {torch.cuda.get_device_name(device)}"
    return f"cpu, {torch.get_num_threads()} threads"
