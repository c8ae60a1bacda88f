"""How a network is trained: everything but the network and its images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ce_nas.core.errors import SettingsError, one_of

__all__ = ["Precision", "Recipe", "default_recipe"]

Precision = Literal["float32", "bf16", "fp16"]
_PRECISIONS = ("float32", "bf16", "fp16")
#: settings that are shares: 0 up to, but not including, 1
_SHARES = ("warmup", "label_smoothing", "drop_path", "ema", "momentum")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Stochastic gradient descent with Nesterov momentum and one cosine, and what may be added to it.

    The defaults are NAS-Bench-201's for CIFAR-10, but for the epochs.

    Sources
        [NB201] Dong, Yang. NAS-Bench-201. ICLR 2020, table 1.
        [cutout] DeVries, Taylor. arXiv 1708.04552.  [mixup] Zhang et al. ICLR 2018.
        [drop-path] Larsson, Maire, Shakhnarovich. FractalNet. ICLR 2017.
    """

    epochs: int = 12
    #: images a step; the last, incomplete batch of an epoch is left out
    batch: int = 256
    #: peak of the learning rate; it rises over the warm-up and then falls to 0 along a cosine
    learning_rate: float = 0.1
    #: share of all steps over which the learning rate rises from 0
    warmup: float = 0.0
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.0
    #: pixels an image may be shifted by, every way; 0: none
    shift: int = 4
    #: mirror every other image
    flip: bool = True
    #: side of the square that is blanked, pixels; 0: none [cutout]
    cutout: int = 0
    #: parameter of the Beta distribution by which pairs of images are mixed; 0: none [mixup]
    mixup: float = 0.0
    #: probability, at the end of the training, that a path of a cell is dropped; it grows with the steps [drop-path]
    drop_path: float = 0.0
    #: weight of an auxiliary head's loss; 0: the network has none
    auxiliary: float = 0.0
    #: decay a step of the moving average of the weights that is evaluated; 0: the weights themselves are
    ema: float = 0.0
    #: longest gradient, Euclidean norm; None: not clipped
    clip: float | None = None
    precision: Precision = "float32"
    #: images and weights with their channels last, as GPUs like them
    channels_last: bool = True
    #: compile the network with torch.compile
    compile: bool = False
    #: only kernels whose results never vary, so that a resumed training ends bit for bit as an uninterrupted one
    deterministic: bool = True

    def __post_init__(self) -> None:
        if self.precision not in _PRECISIONS:
            raise SettingsError(one_of("precision", self.precision, _PRECISIONS))
        for name in _SHARES:
            if not 0 <= getattr(self, name) < 1:
                message = f"Expected a recipe's {name} from 0 up to below 1, got {getattr(self, name)}."
                raise SettingsError(message)
        low = {"epochs": 1, "batch": 1, "shift": 0, "cutout": 0, "mixup": 0, "auxiliary": 0, "weight_decay": 0}
        for name, least in low.items():
            if not (getattr(self, name) >= least and math.isfinite(getattr(self, name))):
                message = f"Expected a recipe's {name} of {least} or more, got {getattr(self, name)}."
                raise SettingsError(message)
        if not (self.learning_rate > 0 and (self.clip is None or self.clip > 0)):
            message = f"Expected a learning rate and a clip above 0, got {self.learning_rate} and {self.clip}."
            raise SettingsError(message)

    def learning_rate_at(self, step: int, steps: int) -> float:
        """The learning rate of step ``step`` (from 0) of ``steps``."""
        warm = self.warmup * steps
        if step < warm:
            return self.learning_rate * (step + 1) / (warm + 1)
        done = (step - warm) / max(steps - warm, 1)
        return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * done))


def default_recipe(side: int) -> Recipe:
    """A recipe for images of ``side`` pixels: a short one for digits, else NAS-Bench-201's in 12 epochs."""
    if side < 16:
        return Recipe(epochs=10, batch=64, shift=1, flip=False)
    return Recipe()
