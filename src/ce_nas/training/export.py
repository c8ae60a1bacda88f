"""Export a trained network: one Python file that imports only torch, torch.export, and ONNX.

The Python file holds the network layer by layer, with the architecture resolved: what it builds needs nothing of this
package, can be read, and can be trained further. Its weights are next to it.
"""

from __future__ import annotations

import copy
import textwrap
import warnings
from typing import TYPE_CHECKING, Literal

import torch
from torch import fx, nn

from ce_nas.core.errors import SettingsError
from ce_nas.training.latency import export_onnx

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

__all__ = ["ExportFormat", "export_network", "export_python"]

ExportFormat = Literal["python", "torch", "onnx"]

_FILE = '''"""{title}

Written by ce-nas. Needs torch alone; the weights are in {weights} next to this file.

    network = load()
    logits = network(prepare(pixels))  # bytes, shape (n, {channels}, {height}, {width})
"""

from pathlib import Path

import torch
from torch import nn

#: mean and standard deviation of each channel, in units of a full byte
MEAN = {mean}
STD = {std}


class Network(nn.Module):
    """Images of shape (n, {channels}, {height}, {width}) to logits of shape (n, {classes})."""

    def __init__(self):
        super().__init__()
{layers}

{forward}

def prepare(pixels):
    """Bytes from 0 to 255 to normalised images."""
    mean, std = (torch.tensor(values, device=pixels.device)[:, None, None] for values in (MEAN, STD))
    return (pixels.float() / 255.0 - mean) / std


def load(path=Path(__file__).with_name("{weights}")):
    """The trained network, in evaluation mode."""
    network = Network()
    network.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
    return network.eval()
'''


def export_network(  # noqa: PLR0913 - what a file says of the network
    network: nn.Module,
    folder: Path,
    formats: tuple[ExportFormat, ...],
    *,
    image_shape: tuple[int, int, int],
    mean: np.ndarray,
    std: np.ndarray,
    title: str,
) -> list[Path]:
    """Write a network in each format into ``folder``; returns the files.

    :param network: in the state that was tested; it is left unchanged.
    :param image_shape: channels, height and width of the images.
    :param mean: mean of each channel, in units of a full byte; ``std`` is its standard deviation.
    :param title: the first line of the Python file.
    :raises MissingExtraError: if ONNX is asked for and not installed.
    """
    network = copy.deepcopy(network).cpu().float().eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    if hasattr(network, "auxiliary"):
        setattr(network, "auxiliary", None)  # noqa: B010 - nn.Module has no such attribute
    if hasattr(network, "drop_path"):
        setattr(network, "drop_path", None)  # noqa: B010 - nn.Module has no such attribute
    files: list[Path] = []
    if "python" in formats:
        files += export_python(network, folder / "network.py", image_shape, mean, std, title)
    if "torch" in formats:
        example = (torch.zeros(2, *image_shape),)
        program = torch.export.export(network, example, dynamic_shapes=({0: torch.export.Dim("n")},))
        torch.export.save(program, folder / "network.pt2")
        files.append(folder / "network.pt2")
    if "onnx" in formats:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # torch's exporter warns of its deprecation
            export_onnx(network, image_shape, folder / "network.onnx")
        files.append(folder / "network.onnx")
    return files


def export_python(  # noqa: PLR0913, PLR0917 - what the file says of the network
    network: nn.Module,
    path: Path,
    image_shape: tuple[int, int, int],
    mean: np.ndarray,
    std: np.ndarray,
    title: str,
) -> list[Path]:
    """Write ``path`` and its weights next to it, ``.pt``; returns both.

    :param network: in evaluation mode, traceable by ``torch.fx``.
    :raises SettingsError: if it holds a layer that has no text.
    """
    traced = fx.symbolic_trace(network)
    names: dict[str, str] = {}
    layers: list[str] = []
    state: dict[str, torch.Tensor] = {}
    for node in traced.graph.nodes:
        if node.op != "call_module" or node.target in names:
            continue
        module = traced.get_submodule(node.target)
        names[node.target] = node.target.replace(".", "_")
        layers.append(f"self.{names[node.target]} = {_layer_text(module)}")
        for key, value in module.state_dict().items():
            state[f"{names[node.target]}.{key}"] = value.detach().contiguous().clone()
    if any(node.op == "get_attr" for node in traced.graph.nodes):
        message = "Expected a network whose weights all belong to layers of torch.nn, got one with weights of its own."
        raise SettingsError(message)
    flat = nn.Module()
    for old, new in names.items():
        flat.add_module(new, traced.get_submodule(old))
    for node in traced.graph.nodes:
        if node.op == "call_module":
            node.target = names[node.target]
    source = traced.graph.python_code("self").src
    body = [line for line in source.splitlines() if line.strip()]
    first = next(index for index, line in enumerate(body) if line.startswith("def forward"))
    forward = "\n".join(["def forward(self, images):", *body[first + 1 :]])
    with torch.inference_mode():
        classes = network(torch.zeros(1, *image_shape)).shape[1]
    weights = path.with_suffix(".pt")
    channels, height, width = image_shape
    text = _FILE.format(
        title=title,
        weights=weights.name,
        channels=channels,
        height=height,
        width=width,
        classes=classes,
        mean=[float(value) for value in mean],
        std=[float(value) for value in std],
        layers=textwrap.indent("\n".join(layers), " " * 8),
        forward=textwrap.indent(forward, " " * 4),
    )
    path.write_text(text, encoding="utf-8")
    torch.save(state, weights)
    return [path, weights]


def _layer_text(module: nn.Module) -> str:
    """The Python text that builds a layer of torch.nn.

    :raises SettingsError: if the layer is none.
    """
    if type(module).__module__.split(".")[:2] != ["torch", "nn"]:
        message = f"Expected layers of torch.nn, got {type(module).__name__}."
        raise SettingsError(message)
    if isinstance(module, nn.AvgPool2d):  # its text leaves this out
        return (
            f"nn.AvgPool2d({module.kernel_size}, stride={module.stride}, padding={module.padding}, "
            f"count_include_pad={module.count_include_pad})"
        )
    if isinstance(module, nn.BatchNorm2d):  # its text has arguments of the newest torch alone
        return f"nn.BatchNorm2d({module.num_features}, eps={module.eps}, momentum={module.momentum})"
    return f"nn.{module!r}"
