"""One training, a step at a time: suspended at any step and resumed, it ends bit for bit as if it never had been.

Nothing random is carried from one step to the next. The order of an epoch's images, the changes made to a batch and
the paths dropped in it are drawn from generators whose seeds are the training's seed with the number of the epoch or
the step, so that a checkpoint needs to hold no generator's state, only how many steps are done.
"""

from __future__ import annotations

import copy
import math
import zlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ce_nas.core.errors import CeNasError, StoreError
from ce_nas.training.checkpoint import load_checkpoint, save_checkpoint
from ce_nas.training.data.augment import augmented, mixed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy as np

    from ce_nas.training.data.images import DataSet, Images
    from ce_nas.training.recipe import Recipe

__all__ = ["DivergedError", "Score", "Spent", "Training", "derived_seed"]

#: steps between two looks at whether the loss is still a number: each look waits for the device
_LOOK_EVERY = 20
_DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class DivergedError(CeNasError):
    """A training whose loss is no longer a number."""


@dataclass(frozen=True, slots=True)
class Score:
    """How a network does on images that it was not trained on."""

    #: share of the images whose class is found, %
    accuracy_pct: float
    #: mean cross-entropy, nats
    loss: float


@dataclass(slots=True)
class Spent:
    """What a training has cost so far, over all its sittings."""

    energy_j: float = 0.0
    duration_s: float = 0.0


class Training:
    """A network that is trained on the training images of a data set.

    :param network: the network; its weights are initialised anew from ``seed`` by whoever made it.
    :param data: where its images come from.
    :param recipe: how it is trained.
    :param seed: of the order of the images and of their changes.
    :param device: where it is trained, for instance ``cpu`` or ``cuda:1``.
    :param epochs: how many of the recipe's epochs to run: the schedule stays the whole recipe's. None for all.
    """

    def __init__(  # noqa: PLR0913 - a network, its images, how, with which numbers, where and how far
        self,
        network: nn.Module,
        data: DataSet,
        recipe: Recipe,
        *,
        seed: int = 0,
        device: str | torch.device = "cpu",
        epochs: int | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.recipe = recipe
        self.spent = Spent()
        #: steps done
        self.step = 0
        self._seed = seed
        self._memory = torch.channels_last if recipe.channels_last else torch.contiguous_format
        self._network: nn.Module = network.to(self.device, memory_format=self._memory)  # type: ignore[call-overload]
        self._forward = torch.compile(self._network) if recipe.compile else self._network
        self._average: nn.Module | None = copy.deepcopy(self._network).eval() if recipe.ema else None
        self._normaliser = _Normaliser(data, self.device)
        self._pixels, self._labels = _resident(data.train, self.device)
        self._batch = min(recipe.batch, len(self._labels))
        self.steps_an_epoch = len(self._labels) // self._batch
        #: steps of the whole schedule, and those of them to run
        self.schedule_steps = recipe.epochs * self.steps_an_epoch
        self.steps = self.schedule_steps if epochs is None else min(epochs, recipe.epochs) * self.steps_an_epoch
        self._optimiser = torch.optim.SGD(
            _groups(self._network, recipe.weight_decay),
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            nesterov=recipe.momentum > 0,
        )
        self._scaler = torch.amp.GradScaler(self.device.type, enabled=recipe.precision == "fp16")
        self._order: tuple[int, Tensor] | None = None
        self._summed_loss = torch.zeros((), device=self.device)

    @property
    def network(self) -> nn.Module:
        """What is evaluated: the weights' moving average where the recipe has one, else the weights."""
        return self._network if self._average is None else self._average

    @property
    def finished(self) -> bool:
        """Whether every step is done."""
        return self.step >= self.steps

    def advance(self, leave: Callable[[], bool] = lambda: False, steps: int | None = None) -> bool:
        """Train until all is done, ``leave`` says to stop, or so many steps are taken; returns whether all is done.

        :param leave: asked before every step.
        :raises DivergedError: if the loss is no longer a number.
        """
        until = self.steps if steps is None else min(self.step + steps, self.steps)
        with _kernels(deterministic=self.recipe.deterministic, device=self.device):
            self._network.train()
            while self.step < until and not leave():
                self._take_step()
                self.step += 1
                if self.step % _LOOK_EVERY == 0 or self.step == until:
                    self._look()
        return self.finished

    def score(self, images: Images, batch: int = 512) -> Score:
        """How the network does on ``images``."""
        pixels, labels = _resident(images, self.device)
        network = self.network.eval()
        hits, losses = (torch.zeros((), device=self.device) for _ in range(2))
        with torch.inference_mode(), _kernels(deterministic=self.recipe.deterministic, device=self.device):
            for start in range(0, len(labels), batch):
                wanted = labels[start : start + batch].to(self.device)
                with self._precision():
                    logits = _logits(network(self._normalised(pixels[start : start + batch])))
                hits += (logits.argmax(dim=1) == wanted).sum()
                losses += functional.cross_entropy(logits.float(), wanted, reduction="sum")
        return Score(100.0 * float(hits) / len(labels), float(losses) / len(labels))

    def recalibrate(self, batches: int, seed: int = 0) -> None:
        """Measure every batch normalisation anew on so many batches of unchanged training images."""
        network = self.network
        norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the plain mean of all batches
        order = torch.randperm(len(self._labels), generator=torch.Generator().manual_seed(seed)).to(self._pixels.device)
        network.train()
        with torch.no_grad(), _kernels(deterministic=self.recipe.deterministic, device=self.device):
            for at in range(min(batches, self.steps_an_epoch)):
                with self._precision():
                    network(self._normalised(self._pixels[order[at * self._batch : (at + 1) * self._batch]]))
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum

    def save(self, path: Path) -> None:
        """Write a checkpoint: weights, their average, momenta, the scale of gradients, the steps done and the cost.

        :raises StoreError: if it cannot be written.
        """
        content = {
            "format": 1,
            "recipe": asdict(self.recipe),
            "seed": self._seed,
            "steps": self.steps,
            "step": self.step,
            "network": self._network.state_dict(),
            "average": None if self._average is None else self._average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "scaler": self._scaler.state_dict(),
            "summed_loss": self._summed_loss,
            "spent": asdict(self.spent),
        }
        save_checkpoint(path, content)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint of this training.

        :raises StoreError: if there is none, or it is of another training.
        """
        content = load_checkpoint(path)
        mine = {"format": 1, "recipe": asdict(self.recipe), "seed": self._seed, "steps": self.steps}
        other = [name for name, value in mine.items() if content.get(name) != value]
        if other:
            message = (
                f"Expected a checkpoint of this training at {path}, but its {', '.join(other)} differ: remove the file "
                "to begin this training anew."
            )
            raise StoreError(message)
        self._network.load_state_dict(content["network"])
        if self._average is not None:
            self._average.load_state_dict(content["average"])
        self._optimiser.load_state_dict(content["optimiser"])
        self._scaler.load_state_dict(content["scaler"])
        self._summed_loss = content["summed_loss"].to(self.device)
        self.step = content["step"]
        self.spent = Spent(**content["spent"])

    def _take_step(self) -> None:
        recipe, epoch = self.recipe, self.step // self.steps_an_epoch
        for group in self._optimiser.param_groups:
            group["lr"] = recipe.learning_rate_at(self.step, self.schedule_steps)
        self._set_drop_path()
        images, labels = self._batch_of(epoch)
        draws = self._generator("step", self.step)
        images = augmented(images, recipe, draws)
        self._optimiser.zero_grad(set_to_none=True)
        with torch.random.fork_rng(self._forked(), enabled=recipe.drop_path > 0):
            if recipe.drop_path > 0:  # the network draws its dropped paths from torch's own generator
                torch.manual_seed(derived_seed(self._seed, "paths", self.step))
            for loss in self._losses(images, labels, draws):
                self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
                self._summed_loss += loss.detach()
        if recipe.clip is not None:
            self._scaler.unscale_(self._optimiser)
            nn.utils.clip_grad_norm_(self._network.parameters(), recipe.clip)
        self._scaler.step(self._optimiser)
        self._scaler.update()
        self._follow()

    def _losses(self, images: Tensor, labels: Tensor, draws: torch.Generator) -> Iterator[Tensor]:
        """The losses whose gradients make one step."""
        yield self._loss(images, labels, draws)

    def _loss(self, images: Tensor, labels: Tensor, draws: torch.Generator) -> Tensor:
        recipe = self.recipe
        others, share = None, None
        if recipe.mixup:
            images, others, share = mixed(images, recipe.mixup, draws)
        with self._precision():
            found = self._forward(images)
        outputs = found if isinstance(found, tuple) else (found,)
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

    def _batch_of(self, epoch: int) -> tuple[Tensor, Tensor]:
        """The images, normalised, and the labels of the step at hand."""
        if self._order is None or self._order[0] != epoch:
            draws = torch.Generator().manual_seed(derived_seed(self._seed, "epoch", epoch))
            order = torch.randperm(len(self._labels), generator=draws)
            self._order = (epoch, order.to(self._pixels.device))
        at = self.step % self.steps_an_epoch * self._batch
        rows = self._order[1][at : at + self._batch]
        return self._normalised(self._pixels[rows]), self._labels[rows].to(self.device)

    def _normalised(self, pixels: Tensor) -> Tensor:
        return self._normaliser(pixels.to(self.device, non_blocking=True)).contiguous(memory_format=self._memory)

    def _precision(self) -> torch.autocast:
        low = self.recipe.precision != "float32"
        return torch.autocast(self.device.type, dtype=_DTYPES[self.recipe.precision] if low else None, enabled=low)

    def _set_drop_path(self) -> None:
        """Tell every module that drops paths how often to do so by now."""
        if self.recipe.drop_path > 0:
            share = self.recipe.drop_path * self.step / self.schedule_steps
            for module in self._network.modules():
                if hasattr(module, "drop_path"):
                    setattr(module, "drop_path", share)  # noqa: B010 - a module of any kind that has one

    def _follow(self) -> None:
        """Move the average of the weights a little towards them."""
        if self._average is None:
            return
        step = 1.0 - min(self.recipe.ema, (1 + self.step) / (10 + self.step))  # an average that trusts its start less
        mine, theirs = self._average.state_dict(), self._network.state_dict()
        for name, average in mine.items():
            if average.is_floating_point():
                average.lerp_(theirs[name].to(average.dtype), step)
            else:
                average.copy_(theirs[name])

    def _look(self) -> None:
        """Whether every loss since the last look was a number."""
        if not math.isfinite(float(self._summed_loss)):
            message = (
                f"Expected a loss that is a number up to step {self.step} of {self.steps}, got "
                f"{float(self._summed_loss)}: lower the learning rate, or clip the gradients."
            )
            raise DivergedError(message)
        self._summed_loss.zero_()

    def _generator(self, name: str, number: int) -> torch.Generator:
        return torch.Generator(device=self.device).manual_seed(derived_seed(self._seed, name, number))

    def _forked(self) -> list[torch.device]:
        return [self.device] if self.device.type == "cuda" else []


class _Normaliser:
    """Bytes to numbers of mean 0 and variance 1, channel by channel."""

    def __init__(self, data: DataSet, device: torch.device) -> None:
        self._scale = _channels(1.0 / (255.0 * data.std), device)
        self._offset = _channels(-data.mean / data.std, device)

    def __call__(self, pixels: Tensor) -> Tensor:
        return torch.addcmul(self._offset, pixels.float(), self._scale)


def _channels(values: np.ndarray, device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, device=device)[:, None, None]


def _resident(images: Images, device: torch.device) -> tuple[Tensor, Tensor]:
    """The images' bytes and labels, on the device if half of its free memory holds them, else where they are."""
    pixels, labels = torch.from_numpy(images.pixels), torch.from_numpy(images.labels)
    if device.type != "cuda":
        return pixels, labels
    free_bytes, _ = torch.cuda.mem_get_info(device)
    fits = pixels.numel() < free_bytes // 2
    return (pixels.to(device), labels.to(device)) if fits else (pixels, labels)


def _groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weights of more than one dimension decay; biases and the scales of normalisation do not."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    decayed = [parameter for parameter in parameters if parameter.ndim > 1]
    others = [parameter for parameter in parameters if parameter.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def _logits(found: Tensor | tuple[Tensor, ...]) -> Tensor:
    """The main head's answer."""
    return found[0] if isinstance(found, tuple) else found


def derived_seed(seed: int, name: str, number: int) -> int:
    """The seed of one generator: of a training, a purpose and a step or epoch."""
    return zlib.crc32(f"{seed}/{name}/{number}".encode()) | (seed & 0x3FFFFFFF) << 32


class _kernels:  # noqa: N801 - a context, used like a function
    """Within it, only kernels whose results never vary are used, if so wished; what was set before comes back."""

    def __init__(self, *, deterministic: bool, device: torch.device) -> None:
        self._wanted = deterministic and device.type == "cuda"

    def __enter__(self) -> None:
        self._before = (torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark)
        if self._wanted:
            torch.use_deterministic_algorithms(mode=True, warn_only=True)
            torch.backends.cudnn.benchmark = False

    def __exit__(self, *_: object) -> None:
        torch.use_deterministic_algorithms(mode=self._before[0])
        torch.backends.cudnn.benchmark = self._before[1]
