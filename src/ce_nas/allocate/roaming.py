"""Where as well as when: the place with the cleaner hours, if it repays the way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.allocate.allocator import Allocator, Decision
from ce_nas.core.units import DAY_S, HOUR_S, J_PER_KWH

if TYPE_CHECKING:
    from ce_nas.core.records import SiteView, View

__all__ = ["Roaming"]

#: the hours of a day that a search is reckoned to work in, the cleanest ones
_HOURS = 8
#: what a place must save in a day, in units of what the way there costs
_REPAYS = 2.0


class Roaming(Allocator):
    """Another allocator at the place where the coming day's cleanest hours are, PUE included.

    It goes there if what a day's work saves repays the way twice: its energy, and a checkpoint and a start-up of every
    device, taken as two minutes of work.

    :param inner: who decides how many devices work; it sees the forecast of the place that was chosen.
    """

    def __init__(self, inner: Allocator) -> None:
        self.name = inner.name
        self._inner = inner

    def decide(self, view: View) -> Decision:
        """See :meth:`Allocator.decide`."""
        if not view.sites or view.rates is None:
            return self._inner.decide(view)
        here = next(site for site in view.sites if site.here)
        best = min(view.sites, key=lambda site: _clean_g_per_kwh(site, view))
        there = best if _repays(here, best, view) else here
        decision = _with_devices(self._inner.decide(replace(view, forecast=there.forecast)), there.devices)
        if there is here:
            return decision
        rates = (
            f"{_clean_g_per_kwh(here, view):.0f} at {here.name} and {_clean_g_per_kwh(there, view):.0f} at {there.name}"
        )
        reason = (
            f"{decision.reason} The coming day's cleanest {_HOURS} h cost {rates}, g/kWh with PUE: the search moves."
        )
        return replace(decision, reason=reason, site=there.name)


def _clean_g_per_kwh(site: SiteView, view: View) -> float:
    """Mean intensity of the cleanest hours of the coming day, times PUE; infinite while nothing is known there."""
    if site.forecast is None:
        return float("inf")
    hours = site.forecast.ahead(view.now_s, HOUR_S, round(DAY_S / HOUR_S))
    return site.pue * float(np.sort(hours)[:_HOURS].mean())


def _repays(here: SiteView, there: SiteView, view: View) -> bool:
    """Whether a day's work saves twice what the way costs."""
    assert view.rates is not None  # noqa: S101 - asked before
    devices, plug_w = min(here.devices, there.devices), view.rates.training_w / here.pue
    saved_g_per_kwh = _clean_g_per_kwh(here, view) - _clean_g_per_kwh(there, view)
    saved_g = devices * plug_w * _HOURS * HOUR_S / J_PER_KWH * saved_g_per_kwh
    restarts_j = devices * plug_w * 120.0
    way_g = (there.move_j + restarts_j) / J_PER_KWH * _clean_g_per_kwh(here, view)
    return there is not here and saved_g > _REPAYS * way_g


def _with_devices(decision: Decision, devices: int) -> Decision:
    """The decision with no more devices at work than there are; sampling gives way first."""
    wanted = decision.allocation
    evaluating = min(wanted.evaluating, devices)
    sampling = min(wanted.sampling, devices - evaluating)
    idle = min(wanted.idle, devices - evaluating - sampling)
    released = wanted.devices - evaluating - sampling - idle
    allocation = replace(wanted, evaluating=evaluating, sampling=sampling, idle=idle, released=released)
    return replace(decision, allocation=allocation)
