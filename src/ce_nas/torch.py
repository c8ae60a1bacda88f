"""Costs and zero-cost scores of PyTorch modules, for the ``costs`` and ``score`` of your own training code.

::

    from ce_nas.torch import Networks

    networks = Networks(build, input_shape=(1, 28, 28))    # build(architecture) returns a torch.nn.Module
    costs, score = networks.costs, networks.score

Sources
    [NASWOT] Mellor, Turner, Storkey, Crowley. Neural Architecture Search without Training. ICML 2021.
    [SNIP] Lee, Ajanthan, Torr. SNIP: Single-shot Network Pruning based on Connection Sensitivity. ICLR 2019.
    [SynFlow] Tanaka, Kunin, Yamins, Ganguli. Pruning neural networks without any data. NeurIPS 2020.
    [ZCNAS] Abdelfattah, Mehrotra, Dudziak, Lane. Zero-Cost Proxies for Lightweight NAS. ICLR 2021: grad_norm.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ce_nas.core.errors import SettingsError
from ce_nas.core.rng import seeded_torch
from ce_nas.training.latency import measure_latency
from ce_nas.training.networks.nasbench201_network import count_flops, count_parameters

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Networks"]

#: modules whose outputs' signs are the code of an image [NASWOT]
_ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.GELU, nn.SiLU, nn.Hardswish, nn.Tanh, nn.ELU)
#: the score in place of one that is no finite number
_WORST_SCORE = -1e6


class Networks:
    """The networks that a function builds, measured without training.

    Example:
        >>> networks = Networks(lambda chosen: nn.Sequential(nn.Linear(8, chosen["width"]), nn.ReLU()), (8,))
        >>> networks.costs({"width": 4})
        {'parameters': 36.0, 'flops': 36.0}
        >>> list(networks.score({"width": 4}))
        ['synflow', 'naswot', 'grad_norm', 'snip']

    :param build: returns the module of an architecture, a dict from variable to value.
    :param input_shape: shape of one input, for instance channels, height and width.
    :param seed: seed of the weights and of the noise that is the input of the scores.
    :param batch: inputs of a score.
    :param device: where scores and latencies are computed.
    """

    def __init__(
        self,
        build: Callable[[dict[str, Any]], nn.Module],
        input_shape: tuple[int, ...],
        *,
        seed: int = 0,
        batch: int = 16,
        device: str = "cpu",
    ) -> None:
        if batch < 2 or not input_shape or min(input_shape) < 1:
            message = f"Expected a batch of 2 or more and the shape of an input, got {batch} and {input_shape}."
            raise SettingsError(message)
        self._build = build
        self._input_shape = tuple(input_shape)
        self._seed = seed
        self._batch = batch
        self._device = device

    def network(self, architecture: dict[str, Any]) -> nn.Module:
        """The module with the weights of the seed; the caller's random numbers are left as they were."""
        with seeded_torch(self._seed):
            return self._build(architecture)

    def costs(self, architecture: dict[str, Any]) -> dict[str, float]:
        """``parameters``, all of them, and ``flops``: the multiply-accumulates of convolutions and linear layers."""
        network = self.network(architecture).eval()
        flops = count_flops(network, self._input_shape)  # type: ignore[arg-type]  # any shape will do
        return {"parameters": float(count_parameters(network)), "flops": float(flops)}

    def latency_ms(self, architecture: dict[str, Any], passes: int = 30) -> float:
        """The median time of a forward pass of one input, ms.

        A measurement differs each time, so that it belongs into what ``evaluate`` returns, not into ``costs``.
        """
        network = self.network(architecture).eval()
        latency = measure_latency(network, self._input_shape, device=self._device, passes=passes)  # type: ignore[arg-type]  # as above
        return 1e3 * latency.median_s

    def score(self, architecture: dict[str, Any]) -> dict[str, float]:
        """Zero-cost scores, larger is better: logarithms of synflow, grad_norm and snip, and naswot.

        Labels are random, so that no data is needed. A score that is no number is the worst.
        """
        network = self.network(architecture).to(self._device)
        generator = torch.Generator().manual_seed(self._seed)
        inputs = torch.randn(self._batch, *self._input_shape, generator=generator).to(self._device)
        found = {"synflow": self._synflow(architecture), "naswot": _naswot(network, inputs)}
        found |= _gradient_scores(network, inputs, generator)
        return {name: value if math.isfinite(value) else _WORST_SCORE for name, value in found.items()}

    def _synflow(self, architecture: dict[str, Any]) -> float:
        """The logarithm of the sum of weight times gradient of the summed output, weights made positive [SynFlow]."""
        network = self.network(architecture).double().eval()
        with torch.no_grad():
            for part in network.parameters():
                part.abs_()
        network(torch.ones(1, *self._input_shape, dtype=torch.float64)).sum().backward()
        return _log(
            sum(float((part.detach() * part.grad).sum()) for part in network.parameters() if part.grad is not None)
        )


def _naswot(network: nn.Module, inputs: Tensor) -> float:
    """The log-determinant of the agreement of the inputs' codes [NASWOT]."""
    codes: list[Tensor] = []
    kinds = (
        _ACTIVATIONS if any(isinstance(part, _ACTIVATIONS) for part in network.modules()) else (nn.Linear, nn.Conv2d)
    )

    def record(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        codes.append((output.detach().flatten(1) > 0).double())

    handles = [part.register_forward_hook(record) for part in network.modules() if isinstance(part, kinds)]
    with torch.no_grad():
        network.train()(inputs)
    for handle in handles:
        handle.remove()
    if not codes:
        return math.nan
    code = torch.cat(codes, dim=1)
    agreement = code @ code.T + (1.0 - code) @ (1.0 - code).T
    return float(torch.linalg.slogdet(agreement).logabsdet)


def _gradient_scores(network: nn.Module, inputs: Tensor, generator: torch.Generator) -> dict[str, float]:
    """``grad_norm`` [ZCNAS] and ``snip`` [SNIP] of the cross-entropy with random labels."""
    logits = network.train()(inputs).flatten(1)
    labels = torch.randint(logits.shape[1], (len(inputs),), generator=generator).to(logits.device)
    network.zero_grad()
    nn.functional.cross_entropy(logits, labels).backward()  # type: ignore[no-untyped-call]
    pairs = [(part.detach(), part.grad) for part in network.parameters() if part.grad is not None]
    squares = sum(float(gradient.square().sum()) for _, gradient in pairs)
    products = sum(float((part * gradient).abs().sum()) for part, gradient in pairs)
    return {"grad_norm": 0.5 * _log(squares), "snip": _log(products)}


def _log(value: float) -> float:
    return math.log(value) if value > 0 else math.nan
