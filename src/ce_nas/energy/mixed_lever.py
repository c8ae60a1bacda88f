"""The power limits of GPUs of several types: each type has its own profile, and its own limit.

- `MeasuredTypes`: the profile of each type, as measured
- `MixedLever`: the levers of the types, moved together
- :func:`replace_profile`: a lever once its profiles are measured
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.energy.power_lever import PowerLever
from ce_nas.energy.power_profile import PowerLimit, TypeLimit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.energy.power_profile import PowerProfile

__all__ = ["MeasuredTypes", "MixedLever", "replace_profile"]


@dataclass(frozen=True, slots=True)
class MeasuredTypes:
    """The profiles of several types of GPU."""

    #: the profile of each type, named after it, and the number of its devices
    profiles: tuple[tuple[PowerProfile, int], ...]

    @property
    def origin(self) -> str:
        """Where the profiles come from."""
        return "; ".join(profile.origin for profile, _ in self.profiles)


class MixedLever(PowerLever):
    """The levers of several types of GPU: each type has the limit that is best for it alone.

    The limits of a mix are means over its devices; the duration is that of the type that is slowed most.

    Example:
        >>> from ce_nas.energy.power_profile import PowerProfile
        >>> types = MeasuredTypes(((PowerProfile.builtin("a40"), 3), (PowerProfile.builtin("v100"), 1)))
        >>> limit = MixedLever(types, max_slowdown=0.05, gpu_share=0.6).choose(400.0, 400.0)
        >>> [(one.name, one.limit_w) for one in limit.of_types], limit.limit_w
        ([('a40', 200.0), ('v100', 190.0)], 197.5)

    :param types: the profiles.
    :param max_slowdown: see :class:`~ce_nas.energy.power_lever.PowerLever`; of each type.
    :param gpu_share: as there.
    """

    def __init__(self, types: MeasuredTypes, max_slowdown: float, gpu_share: float) -> None:
        super().__init__(types.profiles[0][0], max_slowdown, gpu_share)
        self._levers = [(PowerLever(profile, max_slowdown, gpu_share), count) for profile, count in types.profiles]
        #: as many levels as the type with the most limits has; the others go down with it
        self.limits = tuple(
            self._join([lever.limits[round(depth * (len(lever.limits) - 1))] for lever, _ in self._levers])
            for depth in np.linspace(0.0, 1.0, max(len(lever.limits) for lever, _ in self._levers))
        )

    @property
    def slowest(self) -> PowerLimit:
        """See :attr:`PowerLever.slowest`."""
        return self._join([lever.slowest for lever, _ in self._levers])

    @property
    def most_efficient(self) -> PowerLimit:
        """See :attr:`PowerLever.most_efficient`."""
        return self._join([lever.most_efficient for lever, _ in self._levers])

    def choose(self, now_g_per_kwh: float, later_g_per_kwh: float) -> PowerLimit:
        """See :meth:`PowerLever.choose`; each type has the choice of its own."""
        return self._join([lever.choose(now_g_per_kwh, later_g_per_kwh) for lever, _ in self._levers])

    def _join(self, limits: Sequence[PowerLimit]) -> PowerLimit:
        counts = [count for _, count in self._levers]
        watts, power = (
            sum(count * value for count, value in zip(counts, values, strict=True)) / sum(counts)
            for values in ([limit.limit_w for limit in limits], [limit.power_factor for limit in limits])
        )
        types = tuple(
            TypeLimit(lever.profile.name, limit.limit_w, limit.limit_w / lever.unlimited.limit_w, limit.power_factor)
            for (lever, _), limit in zip(self._levers, limits, strict=True)
        )
        return PowerLimit(watts, max(limit.time_factor for limit in limits), power, types)


def replace_profile(lever: PowerLever, profile: PowerProfile | MeasuredTypes) -> PowerLever:
    """The same lever by another profile, or by those of several types of GPU."""
    if isinstance(profile, MeasuredTypes):
        return MixedLever(profile, lever.max_slowdown, lever.gpu_share)
    return PowerLever(profile, lever.max_slowdown, lever.gpu_share)
