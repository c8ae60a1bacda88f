"""Train one network step by step: suspended at any step and resumed, it ends bit for bit the same.

No random state is carried from one step to the next. The order of an epoch's images, a batch's augmentation and its
dropped paths are drawn from generators seeded by the training's seed and the epoch or step, so that a checkpoint stores
the number of completed steps but no generator state.
"""

from __future__ import annotations

import copy
import math
import os
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from ce_nas.core.errors import CeNasError, StoreError
from ce_nas.core.rng import random_stream
from ce_nas.training.checkpoint import load_checkpoint, save_checkpoint
from ce_nas.training.data.augment import augment, centre_crop, cutout, mixup
from ce_nas.training.data.batches import PixelNormaliser, TrainingBatches, derive_seed, to_device_if_it_fits
from ce_nas.training.data_parallel import distribute, use_global_batch_norm
from ce_nas.training.optimisers import build_optimiser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ce_nas.training.data.images import ImageDataset, Images
    from ce_nas.training.data_parallel import BatchPart
    from ce_nas.training.recipe import Recipe

__all__ = ["ClassificationMetrics", "DivergedError", "NetworkTrainer", "TrainingUsage"]

#: steps between two checks of the loss, each of which synchronises with the device
_LOSS_CHECK_STEPS = 20
_AUTOCAST_DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class DivergedError(CeNasError):
    """A training whose loss is no longer finite."""


@dataclass(frozen=True, slots=True)
class ClassificationMetrics:
    """Accuracy and loss of a network on held-out images."""

    #: share of correctly classified images, %
    accuracy_pct: float
    #: mean cross-entropy, nats
    loss: float


@dataclass(slots=True)
class TrainingUsage:
    """Energy and time of a training so far, over all its interruptions."""

    energy_j: float = 0.0
    duration_s: float = 0.0


def _has_narrow_strided_conv(network: nn.Module) -> bool:
    """Whether a 1x1 convolution with a stride has fewer than 8 input channels.

    oneDNN's gradient of it in channels-last order, which images of one channel always have, writes out of bounds on
    processors with AVX2 (torch 2.13): it crashes or never ends.
    """
    return any(
        isinstance(module, nn.Conv2d)
        and module.kernel_size == (1, 1)
        and module.stride != (1, 1)
        and module.in_channels < 8
        for module in network.modules()
    )


def _has_dilated_depthwise_conv(network: nn.Module) -> bool:
    """Whether there is a dilated depthwise convolution, as in DARTS' space.

    oneDNN's gradient of its weights in bf16 and channels-last order reads memory that was never written (torch 2.13,
    images of 32 pixels a side): it differs each time, by any factor, up to nan.
    """
    return any(
        isinstance(module, nn.Conv2d) and module.groups > 1 and module.dilation != (1, 1)
        for module in network.modules()
    )


def _memory_format(recipe: Recipe, network: nn.Module, device: torch.device) -> torch.memory_format:
    """The recipe's order of memory, as far as torch's kernels for it are right on the device."""
    is_wrong = device.type == "cpu" and recipe.precision == "bf16" and _has_dilated_depthwise_conv(network)
    return torch.channels_last if recipe.channels_last and not is_wrong else torch.contiguous_format


@contextmanager
def _without_onednn() -> Iterator[None]:
    torch.backends.mkldnn.set_flags(_enabled=False)  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        torch.backends.mkldnn.set_flags(_enabled=True)  # type: ignore[no-untyped-call]


class NetworkTrainer:
    """Trains a network on the training images of a data set.

    :param network: the network, already initialised.
    :param data: the images.
    :param recipe: the hyperparameters.
    :param seed: seed of the images' order and augmentation.
    :param device: the device, for instance ``cpu`` or ``cuda:1``.
    :param epochs: epochs to run of the recipe's, on the schedule of the whole recipe. None for all.
    :param part: the part of each batch that this process trains on, in a process group that is initialised. None for
        all of it.
    """

    def __init__(  # noqa: PLR0913 - the keywords are optional
        self,
        network: nn.Module,
        data: ImageDataset,
        recipe: Recipe,
        *,
        seed: int = 0,
        device: str | torch.device = "cpu",
        epochs: int | None = None,
        part: BatchPart | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.recipe = recipe
        self.usage = TrainingUsage()
        #: completed steps
        self.step = 0
        self._seed = seed
        self._memory_format = _memory_format(recipe, network, self.device)
        self._uses_onednn = not _has_narrow_strided_conv(network)
        self._part = part
        if part:
            network = use_global_batch_norm(network, self.device)
        self._network: nn.Module = network.to(self.device, memory_format=self._memory_format)  # type: ignore[call-overload]
        self._forward = torch.compile(self._network) if recipe.compile else self._network
        self._ema_network: nn.Module | None = copy.deepcopy(self._network).eval() if recipe.ema else None
        self._normaliser = PixelNormaliser(data, self.device)
        self._batches = TrainingBatches(
            data.train, recipe.batch, keep_last=recipe.keep_last, seed=seed, device=self.device
        )
        if part:
            part.require_images(self._batches.sizes)
            self._forward = distribute(self._forward, self.device)  # type: ignore[arg-type]
        self.steps_per_epoch = self._batches.per_epoch
        #: steps of the whole schedule, and the steps to run
        self.schedule_steps = recipe.epochs * self.steps_per_epoch
        self.steps = self.schedule_steps if epochs is None else min(epochs, recipe.epochs) * self.steps_per_epoch
        self._optimiser = build_optimiser(self._network, recipe)
        #: shared by all modules that drop paths, so that a compiled network need not be compiled again as it changes
        self._drop_path = torch.zeros((), device=self.device)
        for module in self._network.modules() if recipe.drop_path > 0 else ():
            if hasattr(module, "drop_path"):
                setattr(module, "drop_path", self._drop_path)  # noqa: B010 - nn.Module has no such attribute
        if recipe.deterministic and self.device.type == "cuda":  # read when cuBLAS starts
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        self._scaler = torch.amp.GradScaler(self.device.type, enabled=recipe.precision == "fp16")
        self._summed_loss = torch.zeros((), device=self.device)

    @property
    def network(self) -> nn.Module:
        """The network to evaluate: the moving average of the weights if the recipe has one."""
        return self._network if self._ema_network is None else self._ema_network

    @property
    def is_finished(self) -> bool:
        """Whether every step is completed."""
        return self.step >= self.steps

    def advance(self, should_stop: Callable[[], bool] = lambda: False, steps: int | None = None) -> bool:
        """Train to the end, until ``should_stop`` is True, or for ``steps`` steps; returns whether it has finished.

        :param should_stop: called before every step.
        :raises DivergedError: if the loss is no longer finite.
        """
        until = self.steps if steps is None else min(self.step + steps, self.steps)
        with (
            _deterministic_kernels(deterministic=self.recipe.deterministic, device=self.device),
            nullcontext() if self._uses_onednn else _without_onednn(),
        ):
            self._network.train()
            while self.step < until and not should_stop():
                self._take_step()
                self.step += 1
                if self.step % _LOSS_CHECK_STEPS == 0 or self.step == until:
                    self._check_loss()
        return self.is_finished

    def evaluate(self, images: Images, batch: int = 512) -> ClassificationMetrics:
        """Evaluate the network on ``images``."""
        pixels, labels = to_device_if_it_fits(images, self.device)
        network = self.network.eval()
        hits, losses = (torch.zeros((), device=self.device) for _ in range(2))
        with (
            torch.inference_mode(),
            _deterministic_kernels(deterministic=self.recipe.deterministic, device=self.device),
        ):
            for start in range(0, len(labels), batch):
                targets = labels[start : start + batch].to(self.device)
                with self._autocast():
                    logits = _main_logits(network(self._prepare(pixels[start : start + batch])))
                hits += (logits.argmax(dim=1) == targets).sum()
                losses += functional.cross_entropy(logits.float(), targets, reduction="sum")
        return ClassificationMetrics(100.0 * float(hits) / len(labels), float(losses) / len(labels))

    def recalibrate(self, batches: int, seed: int = 0) -> None:
        """Recalibrate every batch normalisation on ``batches`` batches of training images without augmentation."""
        network = self.network
        norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the plain mean of all batches
        pixels, size = self._batches.pixels, self._batches.size
        order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(seed)).to(pixels.device)
        network.train()
        with torch.no_grad(), _deterministic_kernels(deterministic=self.recipe.deterministic, device=self.device):
            for index in range(min(batches, self.steps_per_epoch)):
                with self._autocast():
                    network(self._prepare(pixels[order[index * size : (index + 1) * size]]))
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum

    def save(self, path: Path) -> None:
        """Save a checkpoint: weights, moving average, optimiser, gradient scaler, completed steps and usage.

        :raises StoreError: if it cannot be written.
        """
        content = {
            "format": 1,
            "recipe": asdict(self.recipe),
            "seed": self._seed,
            "steps": self.steps,
            "step": self.step,
            "network": self._network.state_dict(),
            "average": None if self._ema_network is None else self._ema_network.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "scaler": self._scaler.state_dict(),
            "summed_loss": self._summed_loss,
            "spent": asdict(self.usage),
        }
        save_checkpoint(path, content)

    def load(self, path: Path) -> None:
        """Resume from a checkpoint of this training.

        :raises StoreError: if there is none, or it is of another training.
        """
        content = load_checkpoint(path)
        expected = {"format": 1, "recipe": asdict(self.recipe), "seed": self._seed, "steps": self.steps}
        different = [name for name, value in expected.items() if content.get(name) != value]
        if different:
            message = (
                f"Expected a checkpoint of this training at {path}, but its {', '.join(different)} differ: remove the "
                "file to restart this training."
            )
            raise StoreError(message)
        self._network.load_state_dict(content["network"])
        if self._ema_network is not None:
            self._ema_network.load_state_dict(content["average"])
        self._optimiser.load_state_dict(content["optimiser"])
        self._scaler.load_state_dict(content["scaler"])
        self._summed_loss = content["summed_loss"].to(self.device)
        self.step = content["step"]
        self.usage = TrainingUsage(**content["spent"])

    def _take_step(self) -> None:
        recipe = self.recipe
        for group in self._optimiser.param_groups:
            group["lr"] = recipe.learning_rate_at(self.step, self.schedule_steps)
        self._set_drop_path()
        pixels, labels = self._batches.load(self.step)
        generator = self._seeded_generator("step", self.step)
        mirrored = self._batches.mirrored(self.step) if recipe.alternating_flip else None
        images = self._normalise(augment(pixels, recipe, generator, mirrored))
        if recipe.cutout:
            images = cutout(images, recipe.cutout, generator)
        self._optimiser.zero_grad(set_to_none=True)
        is_random = recipe.drop_path > 0 or recipe.dropout > 0
        with torch.random.fork_rng(self._forked_devices(), enabled=is_random):
            if is_random:  # networks draw dropped paths and features from torch's global generator
                purpose = f"paths {self._part.rank}" if self._part else "paths"
                torch.manual_seed(derive_seed(self._seed, purpose, self.step))
            for loss in self._losses(images, labels, generator):
                self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
                self._summed_loss += loss.detach()
        if recipe.clip is not None:
            self._scaler.unscale_(self._optimiser)
            nn.utils.clip_grad_norm_(self._network.parameters(), recipe.clip)
        self._scaler.step(self._optimiser)
        self._scaler.update()
        self._update_ema()

    def _losses(self, images: Tensor, labels: Tensor, generator: torch.Generator) -> Iterator[Tensor]:
        """The losses whose gradients are summed in one step."""
        yield self._loss(images, labels, generator)

    def _loss(self, images: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        recipe = self.recipe
        others, share = None, 1.0
        if recipe.mixup:  # drawn here: torch's samplers of the Beta distribution accept no generator
            share = random_stream(derive_seed(self._seed, "mixup", self.step), "mixup").beta(recipe.mixup, recipe.mixup)
            images, others = mixup(images, share, generator)
        rows, weight = slice(None), 1.0
        if self._part:
            rows, weight = self._part.rows(len(labels)), self._part.weight(len(labels))
        with self._autocast():
            output = self._forward(images[rows])
        outputs = output if isinstance(output, tuple) else (output,)
        total = torch.zeros((), device=self.device)
        for logits, factor in zip(outputs, (weight, weight * recipe.auxiliary), strict=False):
            loss = self._cross_entropy(logits, labels[rows])
            if others is not None:
                loss = share * loss + (1 - share) * self._cross_entropy(logits, labels[others][rows])
            total = total + factor * loss
        return total

    def _cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(logits.float(), labels, label_smoothing=self.recipe.label_smoothing)

    def _prepare(self, pixels: Tensor) -> Tensor:
        """The normalised centres of images, without augmentation."""
        return self._normalise(centre_crop(pixels, self.recipe.crop))

    def _normalise(self, pixels: Tensor) -> Tensor:
        return self._normaliser(pixels.to(self.device, non_blocking=True)).contiguous(memory_format=self._memory_format)

    def _autocast(self) -> torch.autocast:
        enabled = self.recipe.precision != "float32"
        return torch.autocast(
            self.device.type, dtype=_AUTOCAST_DTYPES[self.recipe.precision] if enabled else None, enabled=enabled
        )

    def _set_drop_path(self) -> None:
        """Set the current drop-path probability."""
        if self.recipe.drop_path > 0:
            position = self.recipe.schedule_position(self.step, self.schedule_steps)
            share = position / self.schedule_steps if self.recipe.drop_path_grows else 1.0
            self._drop_path.fill_(self.recipe.drop_path * share)

    def _update_ema(self) -> None:
        """Update the moving average of the weights."""
        if self._ema_network is None:
            return
        step = 1.0 - min(self.recipe.ema, (1 + self.step) / (10 + self.step))  # a faster average at the start
        averages, weights = self._ema_network.state_dict(), self._network.state_dict()
        for name, average in averages.items():
            if average.is_floating_point():
                average.lerp_(weights[name].to(average.dtype), step)
            else:
                average.copy_(weights[name])

    def _check_loss(self) -> None:
        """Check that every loss since the last check was finite."""
        if not math.isfinite(float(self._summed_loss)):
            message = (
                f"Expected a finite loss up to step {self.step} of {self.steps}, got "
                f"{float(self._summed_loss)}: lower the learning rate, or clip the gradients."
            )
            raise DivergedError(message)
        self._summed_loss.zero_()

    def _seeded_generator(self, purpose: str, number: int) -> torch.Generator:
        return torch.Generator(device=self.device).manual_seed(derive_seed(self._seed, purpose, number))

    def _forked_devices(self) -> list[torch.device]:
        return [self.device] if self.device.type == "cuda" else []


def _main_logits(outputs: Tensor | tuple[Tensor, ...]) -> Tensor:
    """The output of the main head."""
    return outputs[0] if isinstance(outputs, tuple) else outputs


class _deterministic_kernels:  # noqa: N801 - a context manager, used like a function
    """Context that enables deterministic kernels on request and restores the previous flags."""

    def __init__(self, *, deterministic: bool, device: torch.device) -> None:
        self._enabled = deterministic and device.type == "cuda"

    def __enter__(self) -> None:
        self._previous_flags = (torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark)
        if self._enabled:
            torch.use_deterministic_algorithms(mode=True, warn_only=True)
            torch.backends.cudnn.benchmark = False

    def __exit__(self, *_: object) -> None:
        torch.use_deterministic_algorithms(mode=self._previous_flags[0])
        torch.backends.cudnn.benchmark = self._previous_flags[1]
