"""A trained policy as a small file: the layers of a network, and what made it.

The file is an npz of plain arrays and a header in JSON, with a checksum over both; it holds no pickle, and reading it
takes numpy alone. A header says for which features and which menu the network was trained: for others it is refused.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.errors import SettingsError
from ce_nas.policies.learned.actions import MENU
from ce_nas.policies.learned.features import FEATURES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["BUILTIN", "FORMAT", "PolicyNetwork", "load_builtin", "read_policy", "write_policy"]

#: version of the file's layout
FORMAT = 1
#: the policy that comes with the package
BUILTIN = "learned_policy.npz"


@dataclass(frozen=True, slots=True, eq=False)
class PolicyNetwork:
    """Layers with a hyperbolic tangent between them."""

    #: weights of each layer, shape (inputs, outputs)
    weights: Sequence[np.ndarray]
    #: biases of each layer, shape (outputs,)
    biases: Sequence[np.ndarray]
    #: whether it puts out a preference for each entry of the menu, or two shares (evaluating, sampling)
    discrete: bool = True
    #: what made it: command, settings, seeds, figures
    made_by: Mapping[str, Any] = field(default_factory=dict)

    def outputs(self, observation: np.ndarray) -> np.ndarray:
        """What the network puts out for one observation, shape ``(outputs,)``."""
        values = np.asarray(observation, dtype=np.float64)
        for weights, biases in zip(self.weights[:-1], self.biases[:-1], strict=True):
            values = np.tanh(values @ weights + biases)
        return np.asarray(values @ self.weights[-1] + self.biases[-1])


def write_policy(path: Path, network: PolicyNetwork) -> None:
    """Write a network to ``path``; the same network always gives the same bytes."""
    arrays = _arrays(network)
    header = {
        "format": FORMAT,
        "layers": len(network.weights),
        "discrete": network.discrete,
        "features": list(FEATURES),
        "menu": [list(entry) for entry in MENU],
        "made_by": dict(network.made_by),
    }
    text = json.dumps(header, sort_keys=True, allow_nan=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    with draft.open("wb") as file:
        np.savez(file, header=np.array(text), checksum=np.array(_checksum(text, arrays)), **arrays)  # type: ignore[arg-type]
    draft.replace(path)  # in one move: a policy that was there is never half overwritten


def read_policy(path: Path) -> PolicyNetwork:
    """The network in the file at ``path``.

    :raises SettingsError: if there is none, it is damaged, or it was made for other features or another menu.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        message = (
            f"Expected a trained policy at {str(path)!r}, but {error.strerror or error}; "
            "make one with: ce-nas policy train."
        )
        raise SettingsError(message) from error
    return _parse(content, path.name)


def load_builtin() -> PolicyNetwork:
    """The policy that comes with the package.

    :raises SettingsError: if the installation lacks it.
    """
    try:
        content = resources.files("ce_nas.data").joinpath(BUILTIN).read_bytes()
    except (FileNotFoundError, ModuleNotFoundError) as error:
        message = f"Expected {BUILTIN} in the package's data, but it is not installed; reinstall ce-nas."
        raise SettingsError(message) from error
    return _parse(content, BUILTIN)


def _parse(content: bytes, name: str) -> PolicyNetwork:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            text, stated = str(file["header"]), str(file["checksum"])
            arrays = {key: file[key] for key in sorted(file.files) if key not in {"header", "checksum"}}
        header = json.loads(text)
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        message = f"Expected a trained policy in {name}, but {error}; the file is damaged or is something else."
        raise SettingsError(message) from error
    if _checksum(text, arrays) != stated:
        message = f"Expected a trained policy in {name} whose checksum is right, but it is not: the file is damaged."
        raise SettingsError(message)
    _check(header, name)
    layers = range(header["layers"])
    return PolicyNetwork(
        weights=tuple(arrays[f"weights_{layer}"] for layer in layers),
        biases=tuple(arrays[f"biases_{layer}"] for layer in layers),
        discrete=header["discrete"],
        made_by=header["made_by"],
    )


def _check(header: Mapping[str, Any], name: str) -> None:
    ours = {"format": FORMAT, "features": list(FEATURES), "menu": [list(entry) for entry in MENU]}
    for key, value in ours.items():
        if header.get(key) != value:
            message = (
                f"Expected a policy trained for this version's {key}, but {name} was made for another; "
                "train it anew with: ce-nas policy train."
            )
            raise SettingsError(message)


def _arrays(network: PolicyNetwork) -> dict[str, np.ndarray]:
    named = {f"weights_{layer}": values for layer, values in enumerate(network.weights)}
    named |= {f"biases_{layer}": values for layer, values in enumerate(network.biases)}
    return {name: np.ascontiguousarray(values, dtype="<f4") for name, values in named.items()}


def _checksum(header: str, arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(header.encode())
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(repr(arrays[name].shape).encode())
        digest.update(np.ascontiguousarray(arrays[name], dtype="<f4").tobytes())
    return digest.hexdigest()
