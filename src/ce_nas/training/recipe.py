"""Training recipes: the hyperparameters of a training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ce_nas.core.errors import SettingsError, unknown_choice_message

__all__ = ["Precision", "Recipe", "default_recipe"]

Precision = Literal["float32", "bf16", "fp16"]
_PRECISIONS = ("float32", "bf16", "fp16")
#: fields in [0, 1)
_SHARE_FIELDS = ("warmup", "label_smoothing", "drop_path", "ema", "momentum")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Stochastic gradient descent with Nesterov momentum and a cosine schedule, with optional regularisation.

    The defaults are NAS-Bench-201's for CIFAR-10, except the epochs.

    Example:
        >>> recipe = Recipe(epochs=50, learning_rate=0.2, warmup=0.1)
        >>> recipe.learning_rate_at(10, 100)
        0.2

    Sources
        [NB201] Dong, Yang. NAS-Bench-201. ICLR 2020, table 1.
        [cutout] DeVries, Taylor. arXiv 1708.04552.  [mixup] Zhang et al. ICLR 2018.
        [drop-path] Larsson, Maire, Shakhnarovich. FractalNet. ICLR 2017.
    """

    epochs: int = 12
    #: images per step; the last, incomplete batch of an epoch is dropped
    batch: int = 256
    #: peak of the learning rate; it rises over the warm-up and then falls to 0 along a cosine
    learning_rate: float = 0.1
    #: share of all steps over which the learning rate rises from 0
    warmup: float = 0.0
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.0
    #: largest random shift of an image in each direction, pixels; 0: none
    shift: int = 4
    #: random horizontal flips
    flip: bool = True
    #: side of the square set to 0, pixels; 0: none [cutout]
    cutout: int = 0
    #: parameter of the Beta distribution of the mixing weights; 0: none [mixup]
    mixup: float = 0.0
    #: probability of dropping a path of a cell at the end of the training; it grows linearly from 0 [drop-path]
    drop_path: float = 0.0
    #: weight of an auxiliary head's loss; 0: the network has none
    auxiliary: float = 0.0
    #: decay per step of the weights' moving average, which is then evaluated; 0: no average
    ema: float = 0.0
    #: largest Euclidean norm of the gradient; None: no clipping
    clip: float | None = None
    precision: Precision = "float32"
    #: channels-last memory format, which is faster on GPUs
    channels_last: bool = True
    #: compile the network with torch.compile
    compile: bool = False
    #: only deterministic kernels, so that a resumed training ends bit for bit as an uninterrupted one
    deterministic: bool = True

    def __post_init__(self) -> None:
        if self.precision not in _PRECISIONS:
            raise SettingsError(unknown_choice_message("precision", self.precision, _PRECISIONS))
        for name in _SHARE_FIELDS:
            if not 0 <= getattr(self, name) < 1:
                message = f"Expected a recipe's {name} from 0 up to below 1, got {getattr(self, name)}."
                raise SettingsError(message)
        minima = {"epochs": 1, "batch": 1, "shift": 0, "cutout": 0, "mixup": 0, "auxiliary": 0, "weight_decay": 0}
        for name, minimum in minima.items():
            if not (getattr(self, name) >= minimum and math.isfinite(getattr(self, name))):
                message = f"Expected a recipe's {name} of {minimum} or more, got {getattr(self, name)}."
                raise SettingsError(message)
        if not (self.learning_rate > 0 and (self.clip is None or self.clip > 0)):
            message = f"Expected a learning rate and a clip above 0, got {self.learning_rate} and {self.clip}."
            raise SettingsError(message)

    def learning_rate_at(self, step: int, steps: int) -> float:
        """The learning rate of step ``step`` (from 0) of ``steps``."""
        warmup_steps = self.warmup * steps
        if step < warmup_steps:
            return self.learning_rate * (step + 1) / (warmup_steps + 1)
        progress = (step - warmup_steps) / max(steps - warmup_steps, 1)
        return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * progress))


def default_recipe(image_size: int) -> Recipe:
    """The default recipe for images of ``image_size`` pixels: a short one for digits, else 12 epochs."""
    if image_size < 16:
        return Recipe(epochs=10, batch=64, shift=1, flip=False)
    return Recipe()
