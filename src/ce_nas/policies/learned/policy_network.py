"""The network of a learned policy, and its file: the layers, and their provenance.

The file is an npz of plain arrays and a JSON header, with a checksum over both; it holds no pickle, and reading it
needs only numpy. The header states the features and actions that the network was trained for; a file with others is
refused.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.bounded_files import read_npz
from ce_nas.core.errors import SettingsError
from ce_nas.policies.learned.actions import ACTIONS
from ce_nas.policies.learned.observation import FEATURE_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = [
    "BUILTIN_POLICY_FILE",
    "FORMAT_VERSION",
    "PolicyNetwork",
    "load_builtin_policy",
    "read_policy",
    "write_policy",
]

#: version of the file format
FORMAT_VERSION = 1
#: the policy that comes with the package
BUILTIN_POLICY_FILE = "learned_policy.npz"


@dataclass(frozen=True, slots=True, eq=False)
class PolicyNetwork:
    """A multilayer perceptron with tanh between its layers.

    Example:
        >>> network = PolicyNetwork(weights=[np.ones((3, 2))], biases=[np.zeros(2)])
        >>> network.forward(np.array([1.0, 2.0, 3.0])).tolist()
        [6.0, 6.0]
    """

    #: weights of each layer, shape (inputs, outputs)
    weights: Sequence[np.ndarray]
    #: biases of each layer, shape (outputs,)
    biases: Sequence[np.ndarray]
    #: whether the outputs are a preference for each action, or two shares (evaluating, sampling)
    discrete: bool = True
    #: how it was trained: command, settings, seeds, results
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def forward(self, features: np.ndarray) -> np.ndarray:
        """The outputs for one observation, shape ``(outputs,)``."""
        values = np.asarray(features, dtype=np.float64)
        for weights, biases in zip(self.weights[:-1], self.biases[:-1], strict=True):
            values = np.tanh(values @ weights + biases)
        return np.asarray(values @ self.weights[-1] + self.biases[-1])


def write_policy(path: Path, network: PolicyNetwork) -> None:
    """Write a network to ``path``, atomically; the same network always gives the same bytes."""
    arrays = _named_arrays(network)
    header = {
        "format": FORMAT_VERSION,
        "layers": len(network.weights),
        "discrete": network.discrete,
        "features": list(FEATURE_NAMES),
        "menu": [list(entry) for entry in ACTIONS],
        "made_by": dict(network.provenance),
    }
    text = json.dumps(header, sort_keys=True, allow_nan=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)  # of an interrupted training, or a link to somewhere else
    with draft.open("xb") as file:
        np.savez(file, header=np.array(text), checksum=np.array(_checksum(text, arrays)), **arrays)  # type: ignore[arg-type]
    draft.replace(path)


def read_policy(path: Path) -> PolicyNetwork:
    """Read the network in the file at ``path``.

    :raises SettingsError: if there is none, it is damaged, or it was trained for other features or actions.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        message = (
            f"Expected a trained policy at {str(path)!r}, but {error.strerror or error}; "
            "train one with: ce-nas policy train."
        )
        raise SettingsError(message) from error
    return _parse(content, path.name)


#: the most that a policy's file may unpack to
_MAX_BYTES = 256 << 20


def load_builtin_policy() -> PolicyNetwork:
    """Read the network that comes with the package.

    :raises SettingsError: if the installation lacks it.
    """
    try:
        content = resources.files("ce_nas.data").joinpath(BUILTIN_POLICY_FILE).read_bytes()
    except (FileNotFoundError, ModuleNotFoundError) as error:
        message = f"Expected {BUILTIN_POLICY_FILE} in the package's data, but it is not installed; reinstall ce-nas."
        raise SettingsError(message) from error
    return _parse(content, BUILTIN_POLICY_FILE)


def _parse(content: bytes, name: str) -> PolicyNetwork:
    try:
        file = read_npz(io.BytesIO(content), max_bytes=_MAX_BYTES)
        text, stated = str(file.pop("header")), str(file.pop("checksum"))
        arrays = {key: file[key] for key in sorted(file)}
        header = json.loads(text)
    except (ValueError, KeyError, RecursionError) as error:
        message = f"Expected a trained policy in {name}, but {error}; the file is damaged or of another kind."
        raise SettingsError(message) from error
    if _checksum(text, arrays) != stated:
        message = f"Expected a trained policy in {name} with a valid checksum, got another: the file is damaged."
        raise SettingsError(message)
    _require_compatible(header if isinstance(header, dict) else {}, name)
    try:
        return _build_network(header, arrays)
    except (KeyError, TypeError, ValueError) as error:
        message = f"Expected layers that fit one another in {name}, but {error}; train it again."
        raise SettingsError(message) from error


def _build_network(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> PolicyNetwork:
    """The network of a file.

    :raises KeyError: if a layer is lacking.
    :raises ValueError: if the layers do not fit one another, or a header is of another type.
    """
    layers, discrete, provenance = header["layers"], header["discrete"], header["made_by"]
    if not (type(layers) is int and 1 <= layers <= len(arrays) and type(discrete) is bool):
        message = f"its header states {layers!r} layers"
        raise ValueError(message)
    weights = tuple(arrays[f"weights_{layer}"] for layer in range(layers))
    biases = tuple(arrays[f"biases_{layer}"] for layer in range(layers))
    _require_fitting(weights, biases, outputs=len(ACTIONS if discrete else ACTIONS[0]))
    return PolicyNetwork(weights=weights, biases=biases, discrete=discrete, provenance=provenance)


def _require_fitting(weights: Sequence[np.ndarray], biases: Sequence[np.ndarray], *, outputs: int) -> None:
    """Check that the layers fit one another, the features and the actions.

    :param outputs: a preference for each action, or an action's shares.
    :raises ValueError: if they do not, or a value is not finite.
    """
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        before = weights[layer - 1].shape[1:] if layer else (len(FEATURE_NAMES),)
        if weight.ndim != 2 or weight.shape[:1] != before or bias.shape != weight.shape[1:]:
            message = f"layer {layer} has weights of the shape {weight.shape} and biases of {bias.shape}"
            raise ValueError(message)
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            message = f"layer {layer} holds a value that is not finite"
            raise ValueError(message)
    if biases[-1].shape != (outputs,):
        message = f"its last layer has {biases[-1].size} outputs in place of {outputs}"
        raise ValueError(message)


def _require_compatible(header: Mapping[str, Any], name: str) -> None:
    expected = {"format": FORMAT_VERSION, "features": list(FEATURE_NAMES), "menu": [list(entry) for entry in ACTIONS]}
    for key, value in expected.items():
        if header.get(key) != value:
            message = (
                f"Expected a policy trained for this version's {key}, but {name} was trained for another; "
                "train it again with: ce-nas policy train."
            )
            raise SettingsError(message)


def _named_arrays(network: PolicyNetwork) -> dict[str, np.ndarray]:
    arrays = {f"weights_{layer}": values for layer, values in enumerate(network.weights)}
    arrays |= {f"biases_{layer}": values for layer, values in enumerate(network.biases)}
    return {name: np.ascontiguousarray(values, dtype="<f4") for name, values in arrays.items()}


def _checksum(header: str, arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(header.encode())
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(repr(arrays[name].shape).encode())
        digest.update(np.ascontiguousarray(arrays[name], dtype="<f4").tobytes())
    return digest.hexdigest()
