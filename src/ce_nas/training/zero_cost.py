"""Zero-cost proxies: scores of an untrained network from one batch of noise, larger is better.

No data is needed: images are standard normal, labels uniform. All scores but two are logarithms or entropies, so
that they can be used together as features.

========== ====================================================================================================
synflow    logarithm of the sum of weight times gradient of the summed output, weights made positive [SynFlow]
naswot     log-determinant of the agreement of the images' ReLU codes [NASWOT]
swap       logarithm of the number of different codes of a ReLU unit across the images [SWAP]
jacob      independence of the images' Jacobians, by the spectrum of their correlation [JacobCov]
grad_norm  logarithm of the Euclidean norm of the loss's gradient with respect to the weights [ZCNAS]
snip       logarithm of the sum of |weight times gradient of the loss| [SNIP]
fisher     logarithm of the summed, squared saliency of the convolutions' channels [Fisher]
zen        logarithm of the features' change under a change of the images, normalisation scales restored [Zen]
meco       smallest eigenvalue of the correlation of the channels, summed over layers [MeCo]
express    entropy of the spectrum of the channels' covariance, summed over cells [AZ]
train      how nearly the cells' Jacobians preserve a gradient's norm [AZ]
params     logarithm of the number of parameters of the benchmark's network
flops      logarithm of its multiply-accumulates
========== ====================================================================================================

Sources
    [AZ] Lee, Ham. AZ-NAS: Assembling Zero-Cost Proxies for Network Architecture Search. CVPR 2024.
    [Fisher] Turner, Crowley, O'Boyle, Storkey, Gray. BlockSwap. ICLR 2020.
    [JacobCov] Mellor, Turner, Storkey, Crowley. Neural Architecture Search without Training. arXiv 2006.04647v1.
    [MeCo] Jiang, Wang, Bie. MeCo: Zero-Shot NAS with One Data and Single Forward Pass via Minimum Eigenvalue of
        Correlation. NeurIPS 2023.
    [NASWOT] Mellor, Turner, Storkey, Crowley. Neural Architecture Search without Training. ICML 2021.
    [SNIP] Lee, Ajanthan, Torr. SNIP: Single-shot Network Pruning based on Connection Sensitivity. ICLR 2019.
    [SWAP] Peng, Song, Fayek, Ciesielski, Chang. SWAP-NAS: Sample-Wise Activation Patterns. ICLR 2024.
    [SynFlow] Tanaka, Kunin, Yamins, Ganguli. Pruning neural networks without any data. NeurIPS 2020.
    [ZCNAS] Abdelfattah, Mehrotra, Dudziak, Lane. Zero-Cost Proxies for Lightweight NAS. ICLR 2021.
    [Zen] Lin, Wang, Sun, et al. Zen-NAS: A Zero-Shot NAS for High-Performance Image Recognition. ICCV 2021.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from ce_nas.core.errors import SettingsError
from ce_nas.space.isomorphism import is_connected
from ce_nas.training.networks.nasbench201_network import (
    NasBench201Cell,
    NasBench201Network,
    ReluConvBn,
    count_flops,
    count_parameters,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ce_nas.core.records import Architecture

__all__ = [
    "MEASURED_PROXIES",
    "PROXIES",
    "ZeroCostSettings",
    "fill_missing_scores",
    "measure_proxies",
    "measure_size_proxies",
]

#: proxies that :func:`measure_proxies` measures, in its order
MEASURED_PROXIES = (
    *("synflow", "naswot", "swap", "jacob", "grad_norm", "snip", "fisher"),
    *("zen", "meco", "express", "train"),
)
#: all proxies: the measured ones, then those of :func:`measure_size_proxies`
PROXIES = (*MEASURED_PROXIES, "params", "flops")

_NO_SCORE = -math.inf
_JACOB_EPSILON = 1e-5  # [JacobCov]
_ZEN_STEP = 1e-2  # [Zen]: the mixture coefficient


@dataclass(frozen=True, slots=True)
class ZeroCostSettings:
    """Batch, network and seed with which the proxies are measured."""

    #: seed of the weights and the noise
    seed: int = 0
    #: images in the batch of noise
    batch: int = 16
    #: height and width of an image, pixels
    resolution: int = 16
    #: channels of the network's first stage
    channels: int = 8
    #: cells per stage
    cells: int = 5
    #: initialisations (each with its own noise) over which a score is averaged
    inits: int = 1

    def __post_init__(self) -> None:
        minima = {"batch": 2, "resolution": 8, "channels": 2, "cells": 1, "inits": 1}
        for name, minimum in minima.items():
            if getattr(self, name) < minimum:
                message = f"Expected {name} of at least {minimum}, got {getattr(self, name)}."
                raise SettingsError(message)
        if self.resolution % 4:
            message = f"Expected a resolution that can be halved twice, a multiple of 4, got {self.resolution}."
            raise SettingsError(message)


def measure_proxies(architecture: Architecture, settings: ZeroCostSettings) -> np.ndarray:
    """The measured proxies of one cell, shape ``(len(MEASURED_PROXIES),)``, larger is better.

    ``-inf`` where a proxy has no score: a disconnected cell has no score at all. See :func:`fill_missing_scores`.
    """
    if not is_connected(architecture):
        return np.full(len(MEASURED_PROXIES), _NO_SCORE)
    runs = [_measure_one_init(architecture, settings, init) for init in range(settings.inits)]
    scores = np.array(runs).mean(axis=0)
    return np.where(np.isfinite(scores), scores, _NO_SCORE)


def measure_size_proxies(architecture: Architecture) -> np.ndarray:
    """Logarithms of parameters and multiply-accumulates of the benchmark's CIFAR-10 network, shape ``(2,)``."""
    network = NasBench201Network(architecture)
    return np.log([count_parameters(network), count_flops(network, (3, 32, 32))])


def fill_missing_scores(scores: np.ndarray) -> np.ndarray:
    """``scores``, shape ``(n, k)``, with missing ones replaced by the lowest finite score of the column, else by 0."""
    finite = np.isfinite(scores)
    floor = np.where(finite, scores, np.inf).min(axis=0)
    return np.where(finite, scores, np.where(np.isfinite(floor), floor, 0.0))


def _measure_one_init(architecture: Architecture, settings: ZeroCostSettings, init: int) -> list[float]:
    generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + init)
    network = _build_initialised_network(architecture, settings, generator)
    shape = (settings.batch, 3, settings.resolution, settings.resolution)
    images = torch.randn(shape, generator=generator)
    labels = torch.randint(10, (settings.batch,), generator=generator)
    trace = _ForwardTrace(network, images)
    by_loss = _loss_gradient_proxies(trace, labels)
    scores = {
        "naswot": _naswot(trace),
        "swap": _swap(trace),
        "jacob": _jacob(trace),
        **by_loss,
        "meco": _meco(trace),
        "express": _expressivity(trace),
        "train": _trainability(trace, generator),
        "zen": _zen(trace, generator),
        "synflow": _synflow(network, settings.resolution),
    }
    return [scores[name] for name in MEASURED_PROXIES]


def _build_initialised_network(
    architecture: Architecture, settings: ZeroCostSettings, generator: torch.Generator
) -> NasBench201Network:
    """A network whose weights depend on ``generator`` alone."""
    with torch.device("meta"):
        network = NasBench201Network(architecture, channels=settings.channels, cells=settings.cells)
    network.to_empty(device="cpu")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


class _ForwardTrace:
    """One forward pass in training mode, with its intermediate outputs."""

    def __init__(self, network: NasBench201Network, images: Tensor) -> None:
        self.network = network
        self.images = images.requires_grad_()
        #: outputs of the ReLUs, each of shape (n, channels, h, w)
        self.relu_outputs: list[Tensor] = []
        #: outputs of the convolutions
        self.conv_outputs: list[Tensor] = []
        #: outputs of ReLU-convolution-normalisation
        self.relu_conv_bn_outputs: list[Tensor] = []
        #: inputs and outputs of the cells
        self.cell_inputs_and_outputs: list[tuple[Tensor, Tensor]] = []
        hooks = [module.register_forward_hook(self._record) for module in network.modules()]
        #: before the global average, shape (n, channels, h, w)
        self.features = network.features(self.images)
        #: shape (n, classes)
        self.logits = network.classifier(self.features.mean(dim=(2, 3)))
        for hook in hooks:
            hook.remove()

    def _record(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, nn.ReLU):
            self.relu_outputs.append(output)
        elif isinstance(module, nn.Conv2d):
            self.conv_outputs.append(output)
        elif isinstance(module, ReluConvBn):
            self.relu_conv_bn_outputs.append(output)
        elif isinstance(module, NasBench201Cell):
            self.cell_inputs_and_outputs.append((inputs[0], output))


def _naswot(trace: _ForwardTrace) -> float:
    """The logarithm of det K, K[i, j] = number of units on which images i and j agree [NASWOT]."""
    units = torch.cat([(active.detach() > 0).flatten(1) for active in trace.relu_outputs], dim=1).float()
    kernel = units @ units.T + (1 - units) @ (1 - units).T
    sign, logdet = torch.linalg.slogdet(kernel.double())
    return float(logdet) if sign > 0 else _NO_SCORE


def _swap(trace: _ForwardTrace) -> float:
    """The logarithm of the number of different codes of units across the images [SWAP]."""
    units = torch.cat([(active.detach() > 0).flatten(1) for active in trace.relu_outputs], dim=1).T.numpy()
    packed = np.ascontiguousarray(np.packbits(units, axis=1))
    codes = np.unique(packed.view(np.dtype((np.void, packed.shape[1]))))
    return math.log(len(codes))


def _jacob(trace: _ForwardTrace) -> float:
    """Minus log sum(log(v + k) + 1/(v + k)) over the eigenvalues v of the Jacobians' correlation [JacobCov].

    The source's score is minus that sum, which is never positive and has a long tail: hence the logarithm.
    """
    (jacobian,) = torch.autograd.grad(trace.logits.sum(), trace.images, retain_graph=True)
    correlation = np.corrcoef(jacobian.flatten(1).double().numpy())
    if not np.isfinite(correlation).all():
        return _NO_SCORE
    v = np.linalg.eigvalsh(correlation).clip(min=0.0) + _JACOB_EPSILON
    return -_log_or_no_score(float((np.log(v) + 1.0 / v).sum()))


def _loss_gradient_proxies(trace: _ForwardTrace, labels: Tensor) -> dict[str, float]:
    """The three proxies that share the gradient of the cross-entropy."""
    loss = nn.functional.cross_entropy(trace.logits, labels)
    weights = list(_weights(trace.network))
    gradients = torch.autograd.grad(loss, [*weights, *trace.conv_outputs], retain_graph=True, allow_unused=True)
    by_weight = [(w.detach(), g) for w, g in zip(weights, gradients, strict=False) if g is not None]
    by_output = zip(trace.conv_outputs, gradients[len(weights) :], strict=True)
    return {
        "grad_norm": _log_or_no_score(0.5 * math.fsum(float(g.square().sum()) for _, g in by_weight)),
        "snip": _log_or_no_score(sum(float((w * g).abs().sum()) for w, g in by_weight)),
        "fisher": _log_or_no_score(sum(_saliency(a.detach(), g) for a, g in by_output if g is not None)),
    }


def _saliency(activation: Tensor, gradient: Tensor) -> float:
    """Sum over channels of the mean over images of half the squared inner product [Fisher]."""
    return float((activation * gradient).sum(dim=(2, 3)).square().mean(dim=0).sum() / 2)


def _zen(trace: _ForwardTrace, generator: torch.Generator) -> float:
    """The logarithm of mean |f(x) - f(x + a e)| plus those of the convolutions' deviations [Zen].

    A variant: shortcuts are kept, and every convolution counts, also on parallel edges.
    """
    noise = torch.randn(trace.images.shape, generator=generator)
    with torch.no_grad():
        moved = trace.network.features(trace.images + _ZEN_STEP * noise)
        change = float((moved - trace.features).abs().mean())
        scales = math.fsum(0.5 * _log_or_no_score(float(a.var(dim=(0, 2, 3)).mean())) for a in trace.conv_outputs)
    return _log_or_no_score(change) + scales


def _meco(trace: _ForwardTrace) -> float:
    """Sum over layers of the smallest eigenvalue of the channels' correlation on one image [MeCo].

    Layers are the ReLU-convolution-normalisations and the cells.
    """
    maps = [*trace.relu_conv_bn_outputs, *(output for _, output in trace.cell_inputs_and_outputs)]
    return math.fsum(_min_eigenvalue(m[0].detach().flatten(1).double().numpy()) for m in maps)


def _min_eigenvalue(channels: np.ndarray) -> float:
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.nan_to_num(np.corrcoef(channels))
    return float(np.linalg.eigvalsh(correlation)[0])


def _expressivity(trace: _ForwardTrace) -> float:
    """Sum over cells of the entropy of the normalised spectrum of the channels' covariance [AZ]."""
    return math.fsum(_spectral_entropy(output.detach()) for _, output in trace.cell_inputs_and_outputs)


def _spectral_entropy(maps: Tensor) -> float:
    rows = maps.transpose(0, 1).flatten(1).double()
    spectrum = torch.linalg.eigvalsh(rows.cov()).clamp(min=0)
    share = spectrum / spectrum.sum()
    return float(-torch.xlogy(share, share).sum())


def _trainability(trace: _ForwardTrace, generator: torch.Generator) -> float:
    """Mean over cells of 2 - s - 1/s, s the spectral norm of a sketch of the cell's Jacobian [AZ]."""
    return float(np.mean([_isometry(x, y, generator) for x, y in trace.cell_inputs_and_outputs]))


def _isometry(x: Tensor, y: Tensor, generator: torch.Generator) -> float:
    out = torch.randint(2, y.shape, generator=generator).float() * 2 - 1
    (back,) = torch.autograd.grad(y, x, out, retain_graph=True)
    left, right = (m.transpose(0, 1).flatten(1) for m in (back, out))
    s = float(torch.linalg.matrix_norm(left @ right.T / left.shape[1], ord=2))
    return 2 - s - 1 / s if s > 0 else _NO_SCORE


def _synflow(network: NasBench201Network, resolution: int) -> float:
    """The logarithm of sum(w dR/dw), R the summed output for an image of ones [SynFlow].

    Makes weights positive and removes normalisation [ZCNAS], so that ``network`` cannot be used afterwards.
    """
    network.double()
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, nn.Identity())
    weights = list(_weights(network))
    with torch.no_grad():
        for weight in weights:
            weight.abs_()
    output = network(torch.ones(1, 3, resolution, resolution, dtype=torch.float64))
    gradients = torch.autograd.grad(output.sum(), weights, allow_unused=True)
    return _log_or_no_score(
        sum(float((w.detach() * g).sum()) for w, g in zip(weights, gradients, strict=True) if g is not None)
    )


def _weights(network: nn.Module) -> Iterator[Tensor]:
    """Weights of convolutions and linear layers, without biases and normalisation."""
    return (module.weight for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear))


def _log_or_no_score(value: float) -> float:
    return math.log(value) if value > 0 else _NO_SCORE
