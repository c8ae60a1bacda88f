"""Train one network step by step: suspended at any step and resumed, it ends bit for bit the same.

No random state is carried from one step to the next. The order of an epoch's images, a batch's augmentation and its
dropped paths are drawn from generators seeded by the training's seed and the epoch or step, so that a checkpoint stores
the number of completed steps but no generator state.
"""

from __future__ import annotations

import copy
import math
import zlib
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ce_nas.core.errors import CeNasError, StoreError
from ce_nas.training.checkpoint import load_checkpoint, save_checkpoint
from ce_nas.training.data.augment import augment, mixup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy as np

    from ce_nas.training.data.images import ImageDataset, Images
    from ce_nas.training.recipe import Recipe

__all__ = ["ClassificationMetrics", "DivergedError", "NetworkTrainer", "TrainingUsage", "derive_seed"]

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
    ) -> None:
        self.device = torch.device(device)
        self.recipe = recipe
        self.usage = TrainingUsage()
        #: completed steps
        self.step = 0
        self._seed = seed
        self._memory_format = torch.channels_last if recipe.channels_last else torch.contiguous_format
        self._uses_onednn = not _has_narrow_strided_conv(network)
        self._network: nn.Module = network.to(self.device, memory_format=self._memory_format)  # type: ignore[call-overload]
        self._forward = torch.compile(self._network) if recipe.compile else self._network
        self._ema_network: nn.Module | None = copy.deepcopy(self._network).eval() if recipe.ema else None
        self._normaliser = _PixelNormaliser(data, self.device)
        self._pixels, self._labels = _to_device_if_it_fits(data.train, self.device)
        self._batch = min(recipe.batch, len(self._labels))
        self.steps_per_epoch = len(self._labels) // self._batch
        #: steps of the whole schedule, and the steps to run
        self.schedule_steps = recipe.epochs * self.steps_per_epoch
        self.steps = self.schedule_steps if epochs is None else min(epochs, recipe.epochs) * self.steps_per_epoch
        self._optimiser = torch.optim.SGD(
            _parameter_groups(self._network, recipe.weight_decay),
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            nesterov=recipe.momentum > 0,
        )
        self._scaler = torch.amp.GradScaler(self.device.type, enabled=recipe.precision == "fp16")
        self._epoch_order: tuple[int, Tensor] | None = None
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
        pixels, labels = _to_device_if_it_fits(images, self.device)
        network = self.network.eval()
        hits, losses = (torch.zeros((), device=self.device) for _ in range(2))
        with (
            torch.inference_mode(),
            _deterministic_kernels(deterministic=self.recipe.deterministic, device=self.device),
        ):
            for start in range(0, len(labels), batch):
                targets = labels[start : start + batch].to(self.device)
                with self._autocast():
                    logits = _main_logits(network(self._normalise(pixels[start : start + batch])))
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
        order = torch.randperm(len(self._labels), generator=torch.Generator().manual_seed(seed)).to(self._pixels.device)
        network.train()
        with torch.no_grad(), _deterministic_kernels(deterministic=self.recipe.deterministic, device=self.device):
            for index in range(min(batches, self.steps_per_epoch)):
                with self._autocast():
                    network(self._normalise(self._pixels[order[index * self._batch : (index + 1) * self._batch]]))
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
        recipe, epoch = self.recipe, self.step // self.steps_per_epoch
        for group in self._optimiser.param_groups:
            group["lr"] = recipe.learning_rate_at(self.step, self.schedule_steps)
        self._set_drop_path()
        images, labels = self._load_batch(epoch)
        generator = self._seeded_generator("step", self.step)
        images = augment(images, recipe, generator)
        self._optimiser.zero_grad(set_to_none=True)
        with torch.random.fork_rng(self._forked_devices(), enabled=recipe.drop_path > 0):
            if recipe.drop_path > 0:  # networks draw dropped paths from torch's global generator
                torch.manual_seed(derive_seed(self._seed, "paths", self.step))
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
        others, share = None, None
        if recipe.mixup:
            images, others, share = mixup(images, recipe.mixup, generator)
        with self._autocast():
            output = self._forward(images)
        outputs = output if isinstance(output, tuple) else (output,)
        weights = (1.0, recipe.auxiliary)
        total = torch.zeros((), device=self.device)
        for logits, weight in zip(outputs, weights, strict=False):
            loss = self._cross_entropy(logits, labels)
            if others is not None and share is not None:
                loss = share * loss + (1 - share) * self._cross_entropy(logits, labels[others])
            total = total + weight * loss
        return total

    def _cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(logits.float(), labels, label_smoothing=self.recipe.label_smoothing)

    def _load_batch(self, epoch: int) -> tuple[Tensor, Tensor]:
        """The normalised images and the labels of the current step."""
        if self._epoch_order is None or self._epoch_order[0] != epoch:
            generator = torch.Generator().manual_seed(derive_seed(self._seed, "epoch", epoch))
            order = torch.randperm(len(self._labels), generator=generator)
            self._epoch_order = (epoch, order.to(self._pixels.device))
        start = self.step % self.steps_per_epoch * self._batch
        rows = self._epoch_order[1][start : start + self._batch]
        return self._normalise(self._pixels[rows]), self._labels[rows].to(self.device)

    def _normalise(self, pixels: Tensor) -> Tensor:
        return self._normaliser(pixels.to(self.device, non_blocking=True)).contiguous(memory_format=self._memory_format)

    def _autocast(self) -> torch.autocast:
        enabled = self.recipe.precision != "float32"
        return torch.autocast(
            self.device.type, dtype=_AUTOCAST_DTYPES[self.recipe.precision] if enabled else None, enabled=enabled
        )

    def _set_drop_path(self) -> None:
        """Set the current drop-path probability of every module that has one."""
        if self.recipe.drop_path > 0:
            probability = self.recipe.drop_path * self.step / self.schedule_steps
            for module in self._network.modules():
                if hasattr(module, "drop_path"):
                    setattr(module, "drop_path", probability)  # noqa: B010 - nn.Module has no such attribute

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


class _PixelNormaliser:
    """Maps bytes to mean 0 and variance 1 per channel."""

    def __init__(self, data: ImageDataset, device: torch.device) -> None:
        self._scale = _channel_tensor(1.0 / (255.0 * data.std), device)
        self._offset = _channel_tensor(-data.mean / data.std, device)

    def __call__(self, pixels: Tensor) -> Tensor:
        return torch.addcmul(self._offset, pixels.float(), self._scale)


def _channel_tensor(values: np.ndarray, device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, device=device)[:, None, None]


def _to_device_if_it_fits(images: Images, device: torch.device) -> tuple[Tensor, Tensor]:
    """The images' bytes and labels, on the device if they fit in half of its free memory, else on the CPU."""
    pixels, labels = torch.from_numpy(images.pixels), torch.from_numpy(images.labels)
    if device.type != "cuda":
        return pixels, labels
    free_bytes, _ = torch.cuda.mem_get_info(device)
    fits = pixels.numel() < free_bytes // 2
    return (pixels.to(device), labels.to(device)) if fits else (pixels, labels)


def _parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups: weights of more than one dimension decay; biases and normalisation scales do not."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    decayed = [parameter for parameter in parameters if parameter.ndim > 1]
    others = [parameter for parameter in parameters if parameter.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def _main_logits(outputs: Tensor | tuple[Tensor, ...]) -> Tensor:
    """The output of the main head."""
    return outputs[0] if isinstance(outputs, tuple) else outputs


def derive_seed(seed: int, purpose: str, number: int) -> int:
    """The seed of a generator for a training's seed, a purpose and a step or epoch."""
    return zlib.crc32(f"{seed}/{purpose}/{number}".encode()) | (seed & 0x3FFFFFFF) << 32


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
