"""How much work a search is still worth: told from what its trainings brought lately."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from ce_nas.core.records import View

__all__ = ["Work", "still_worth"]

#: trainings that a search is reckoned to take; one that goes on beyond them may go on for half as long again
USUAL = 200
#: the fewest that are reckoned with
_FEWEST = 20
#: seconds that a training is reckoned to take before one has ended
_TRAINING_S = 1500.0
#: how heavy the tail is: the chance that a search goes on falls with this power of the work, in the end
_TAIL = 2.0
_SCALE = 1.0 / (2.0 ** (1.0 / _TAIL) - 1.0)


@dataclass(frozen=True, slots=True)
class Work:
    """Work ahead, as far as it can be foretold."""

    #: trainings that are as likely to be enough as not
    trainings: float
    #: time of a device that one takes
    training_s: float

    @property
    def device_s(self) -> float:
        """Time of devices that is as likely to be enough as not."""
        return self.trainings * self.training_s

    def survival(self, device_s: np.ndarray) -> np.ndarray:
        """The chance that the search goes on after so much more work: a half after :attr:`device_s`, with a long tail.

        Searches age well: one that has gone on for long may go on for long.
        """
        alive: np.ndarray = (1.0 + device_s / (self.device_s * _SCALE)) ** -_TAIL
        return alive

    def left_s(self, device_s: np.ndarray) -> np.ndarray:
        """The time of devices that is still to come on average, of a search that goes on after so much more work."""
        left_s: np.ndarray = (self.device_s * _SCALE + device_s) / (_TAIL - 1.0)
        return left_s

    def spent(self, device_s: np.ndarray) -> np.ndarray:
        """The time of devices expected to be spent until then, by searches that go on and those that have ended."""
        scale_s = self.device_s * _SCALE
        spent_s: np.ndarray = scale_s / (_TAIL - 1.0) * (1.0 - (1.0 + device_s / scale_s) ** (1.0 - _TAIL))
        return spent_s


def still_worth(view: View, gain: float) -> Work | None:
    """The work that the search is still worth, or None if it is worth no more.

    With a target it is worth whatever it takes. Without one it is worth more as long as the last doubling of its
    trainings brought more than ``gain`` of the hypervolume.
    """
    done = view.evaluations
    if math.isinf(view.target) and done > _FEWEST:
        brought = view.hypervolume - view.course[done // 2]
        if brought <= gain * view.hypervolume:
            return None
    return Work(max(USUAL - done, done / 2, float(_FEWEST)), _training_s(view))


def _training_s(view: View) -> float:
    """What a training takes: those that are under way count as half done, or the first hours would look wasted."""
    if not view.evaluations:
        return _TRAINING_S
    return view.trained_s / (view.evaluations + (view.running + view.suspended) / 2)
