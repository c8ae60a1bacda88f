"""Training recipes: the hyperparameters of a training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ce_nas.core.errors import SettingsError, unknown_choice_message

__all__ = ["OptimiserName", "Precision", "Recipe", "ScheduleName", "default_recipe"]

Precision = Literal["float32", "bf16", "fp16"]
OptimiserName = Literal["sgd", "adamw", "rmsprop", "muon"]
ScheduleName = Literal["cosine", "step", "exponential", "one-cycle"]
_CHOICES: dict[str, tuple[str, ...]] = {
    "precision": ("float32", "bf16", "fp16"),
    "optimiser": ("sgd", "adamw", "rmsprop", "muon"),
    "schedule": ("cosine", "step", "exponential", "one-cycle"),
    "decay_of": ("all", "weights"),
}
#: fields in [0, 1)
_SHARE_FIELDS = ("warmup", "label_smoothing", "drop_path", "dropout", "ema", "momentum", "resized_crop", "hue")
_MINIMA = {
    "epochs": 1,
    "batch": 1,
    "whitening": 0,
    "shift": 0,
    "cutout": 0,
    "mixup": 0,
    "auxiliary": 0,
    "weight_decay": 0,
    "crop": 0,
    "colour": 0,
    "randaugment": 0,
    "magnitude": 0,
    "decay_rate": 0,
    "decay_epochs": 0,
    "start_factor": 0,
    "final_factor": 0,
}
#: a field to the field and values without which it has no effect, and to its default
_NEEDED = {
    "milestones": ("schedule", ("step",), ()),
    "decay_rate": ("schedule", ("step", "exponential"), 0.1),
    "decay_epochs": ("schedule", ("exponential",), 1.0),
    "start_factor": ("schedule", ("one-cycle",), 0.0),
    "final_factor": ("schedule", ("cosine", "one-cycle"), 0.0),
    "second_momentum": ("optimiser", ("adamw", "rmsprop"), 0.999),
    "epsilon": ("optimiser", ("adamw", "rmsprop"), 1e-8),
    "nesterov": ("optimiser", ("sgd", "muon"), True),
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained: optimiser, schedule, augmentation and regularisation.

    The defaults are NAS-Bench-201's for CIFAR-10, except the epochs: stochastic gradient descent with Nesterov
    momentum, a cosine over the steps, weight decay on every tensor, the last, smaller batch of an epoch kept.

    Example:
        >>> recipe = Recipe(epochs=50, learning_rate=0.2, warmup=0.1)
        >>> recipe.learning_rate_at(10, 100)
        0.2

    Sources
        [AdamW] Loshchilov, Hutter. Decoupled Weight Decay Regularization. ICLR 2019.
        [airbench] Jordan. 94% on CIFAR-10 in 3.29 Seconds on a Single GPU. arXiv 2404.00498: alternating flips.
        [cutout] DeVries, Taylor. arXiv 1708.04552.  [mixup] Zhang et al. ICLR 2018.
        [DARTS] Liu, Simonyan, Yang. ICLR 2019.
        [drop-path] Larsson, Maire, Shakhnarovich. FractalNet. ICLR 2017.
        [EfficientNet] Tan, Le. ICML 2019: RMSProp, exponential decay, moving average, dropout, stochastic depth.
        [Inception] Szegedy et al. Going Deeper with Convolutions. CVPR 2015: crops of random size and shape.
        [Muon] Jordan et al. Muon: an optimizer for hidden layers in neural networks. 2024.
        [NB201] Dong, Yang. NAS-Bench-201. ICLR 2020, table 1.
        [RandAugment] Cubuk, Zoph, Shlens, Le. NeurIPS 2020.
    """

    epochs: int = 12
    #: images per step
    batch: int = 256
    #: keep the last, smaller batch of an epoch, as most published recipes do for CIFAR-10; else it is dropped
    keep_last: bool = True
    #: sgd, adamw [AdamW], rmsprop (TensorFlow's, as in [EfficientNet]) or muon (for matrices; sgd for the rest) [Muon]
    optimiser: OptimiserName = "sgd"
    #: peak of the learning rate
    learning_rate: float = 0.1
    momentum: float = 0.9
    #: look ahead along the momentum (sgd, muon); DARTS does not
    nesterov: bool = True
    #: decay of the squared gradient's average, adamw and rmsprop
    second_momentum: float = 0.999
    #: added to the denominator, adamw and rmsprop
    epsilon: float = 1e-8
    weight_decay: float = 5e-4
    #: tensors that decay: all of them, as torch's optimisers do, or the weights alone, without biases and normalisation
    decay_of: Literal["all", "weights"] = "all"
    #: course of the learning rate after the warm-up: cosine, step, exponential or one-cycle (two straight lines)
    schedule: ScheduleName = "cosine"
    #: share of all steps over which the learning rate rises from 0, or from ``start_factor`` of its peak (one-cycle)
    warmup: float = 0.0
    #: factor of the learning rate at each milestone (step), or every ``decay_epochs`` (exponential)
    decay_rate: float = 0.1
    #: epochs between two decays of an exponential schedule
    decay_epochs: float = 1.0
    #: shares of all epochs at which a step schedule decays
    milestones: tuple[float, ...] = ()
    #: learning rate at the start of one-cycle, as a share of the peak
    start_factor: float = 0.0
    #: learning rate at the end of cosine or one-cycle, as a share of the peak
    final_factor: float = 0.0
    #: learning rate and drop path change from epoch to epoch, as DARTS', not from step to step
    per_epoch: bool = False
    label_smoothing: float = 0.0
    #: largest random shift of an image in each direction, pixels, filled with black; 0: none
    shift: int = 4
    #: random horizontal flips
    flip: bool = True
    #: flip each image in every second epoch instead, half of them in the first [airbench]
    alternating_flip: bool = False
    #: smallest share of the image's area in a crop of random size and shape, which is then resized [Inception]; 0: none
    resized_crop: float = 0.0
    #: side of the images that are trained on and evaluated, pixels, cut out of larger ones; 0: the images' own
    crop: int = 0
    #: largest relative change of brightness, contrast and saturation
    colour: float = 0.0
    #: largest shift of the hue, as a share of its circle
    hue: float = 0.0
    #: random operations per image [RandAugment]; 0: none
    randaugment: int = 0
    #: strength of these operations, of 10
    magnitude: float = 9.0
    #: side of the square set to the mean, pixels; 0: none [cutout]
    cutout: int = 0
    #: parameter of the Beta distribution of the mixing weights; 0: none [mixup]
    mixup: float = 0.0
    #: probability of dropping a path of a cell [drop-path], or the last block of a network of blocks
    drop_path: float = 0.0
    #: this probability grows linearly from 0 over the training; else it is constant, as in [EfficientNet]
    drop_path_grows: bool = True
    #: probability of dropping a feature in front of the classifier
    dropout: float = 0.0
    #: weight of an auxiliary head's loss; 0: the network has none
    auxiliary: float = 0.0
    #: side of the patches that a frozen first layer of a candidate whitens, pixels [airbench]; 0: no such layer. It is
    #: no part of the network that is counted, timed, trained finally or exported, nor of a supernet
    whitening: int = 0
    #: decay per step of the weights' moving average, which is then evaluated; 0: no average
    ema: float = 0.0
    #: largest Euclidean norm of the gradient; None: no clipping
    clip: float | None = None
    precision: Precision = "float32"
    #: channels-last memory format, which is faster on GPUs
    channels_last: bool = True
    #: compile the network with torch.compile; supernets, whose path changes at every step, are not compiled
    compile: bool = False
    #: only deterministic kernels, so that a resumed training ends bit for bit as an uninterrupted one
    deterministic: bool = True

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise SettingsError(unknown_choice_message(name, getattr(self, name), known))
        for name in (*_SHARE_FIELDS, "second_momentum"):
            if not 0 <= getattr(self, name) < 1:
                message = f"Expected a recipe's {name} from 0 up to below 1, got {getattr(self, name)}."
                raise SettingsError(message)
        for name, minimum in _MINIMA.items():
            if not (getattr(self, name) >= minimum and math.isfinite(getattr(self, name))):
                message = f"Expected a recipe's {name} of {minimum} or more, got {getattr(self, name)}."
                raise SettingsError(message)
        if not (self.learning_rate > 0 and (self.clip is None or self.clip > 0)):
            message = f"Expected a learning rate and a clip above 0, got {self.learning_rate} and {self.clip}."
            raise SettingsError(message)
        object.__setattr__(self, "milestones", tuple(self.milestones))
        self._require_effect()

    def _require_effect(self) -> None:
        """Refuse what another choice leaves without effect."""
        for name, (needed, values, default) in _NEEDED.items():
            if getattr(self, name) != default and getattr(self, needed) not in values:
                message = f"A recipe's {name} needs {needed} {' or '.join(values)}, got {getattr(self, needed)}."
                raise SettingsError(message)
        if self.alternating_flip and not self.flip:
            message = "A recipe's alternating_flip needs flip; set it, or remove alternating_flip."
            raise SettingsError(message)
        if self.schedule == "step" and not all(0 < share < 1 for share in self.milestones):
            message = f"Expected a recipe's milestones above 0 and below 1, got {self.milestones}."
            raise SettingsError(message)
        if self.schedule == "exponential" and self.decay_epochs == 0:
            message = "Expected a recipe's decay_epochs above 0, got 0."
            raise SettingsError(message)

    def learning_rate_at(self, step: int, steps: int) -> float:
        """The learning rate of step ``step`` (from 0) of ``steps``."""
        position = self.schedule_position(step, steps)
        warmup_steps = self.warmup * steps
        if self.schedule == "one-cycle":
            return self.learning_rate * self._one_cycle_factor(position, warmup_steps, steps)
        if position < warmup_steps:
            return self.learning_rate * (position + 1) / (warmup_steps + 1)
        progress = (position - warmup_steps) / max(steps - warmup_steps, 1)
        return self.learning_rate * self._decay_factor(progress, position / steps)

    def schedule_position(self, step: int, steps: int) -> float:
        """The step by which learning rate and drop path go: the epoch's first if they change ``per_epoch``."""
        per_epoch = steps / self.epochs
        return math.floor(step / per_epoch + 1e-9) * per_epoch if self.per_epoch else float(step)

    def _decay_factor(self, progress: float, share: float) -> float:
        """The learning rate as a share of its peak.

        :param progress: share of the steps after the warm-up.
        :param share: share of all steps.
        """
        if self.schedule == "step":
            return float(self.decay_rate ** sum(share >= milestone - 1e-12 for milestone in self.milestones))
        if self.schedule == "exponential":
            return float(self.decay_rate ** math.floor(share * self.epochs / self.decay_epochs + 1e-9))
        return self.final_factor + (1.0 - self.final_factor) * 0.5 * (1.0 + math.cos(math.pi * progress))

    def _one_cycle_factor(self, position: float, warmup_steps: float, steps: int) -> float:
        """Straight lines from ``start_factor`` to 1 and on to ``final_factor`` [airbench]."""
        if position < warmup_steps:
            return self.start_factor + (1.0 - self.start_factor) * position / warmup_steps
        return 1.0 + (self.final_factor - 1.0) * (position - warmup_steps) / max(steps - warmup_steps, 1)


def default_recipe(image_size: int) -> Recipe:
    """The default recipe for images of ``image_size`` pixels: a short one for digits, else 12 epochs."""
    if image_size < 16:
        return Recipe(epochs=10, batch=64, shift=1, flip=False)
    return Recipe()
