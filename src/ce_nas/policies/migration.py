"""Where as well as when: the place with the cheaper hours, if it repays the way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.units import DAY_S, HOUR_S, J_PER_KWH
from ce_nas.policies.base import Allocator, Decision

if TYPE_CHECKING:
    from ce_nas.core.records import SiteView, View

__all__ = ["Roaming"]

#: the hours of a day that a search is reckoned to work in, the cheapest ones
_HOURS = 8
#: what a place must save in a day, in units of what the way there costs
_REPAYS = 2.0
#: what the way takes beside its own energy: a checkpoint and a start-up of every device, s of work
_RESTART_S = 120.0


class Roaming(Allocator):
    """Another allocator at the place where the coming day's cheapest hours are.

    What an hour costs is its carbon, PUE included, or its money, or a mix of both; each counts in units of its mean
    over the places and hours that are compared. The search moves if what a day's work saves repays the way twice.

    :param inner: who decides how many devices work; it sees the forecast and the prices of the place that was chosen.
    :param money: share of money in what an hour costs, 0 to 1; the rest is carbon.
    """

    def __init__(self, inner: Allocator, money: float = 0.0) -> None:
        self.name = inner.name
        self._inner = inner
        self._money = money

    def decide(self, view: View) -> Decision:
        """See :meth:`Allocator.decide`."""
        if not view.sites:
            return self._inner.decide(view)
        here = next(site for site in view.sites if site.here)
        costs = dict(zip((site.name for site in view.sites), _costs(view, self._money), strict=True))
        best = min(view.sites, key=lambda site: costs[site.name])
        there = best if _repays(here, best, costs) else here
        inside = replace(view, forecast=there.forecast, rates=there.rates)
        decision = _with_devices(self._inner.decide(inside), there.devices)
        if there is here:
            return decision
        return replace(decision, reason=f"{decision.reason} {_why(here, there, view, self._money)}", site=there.name)


def _costs(view: View, money: float) -> list[float]:
    """What an hour of a device costs in the cheapest hours of the coming day, by place; infinite where nothing is known
    of the grid.
    """
    known = [site for site in view.sites if site.forecast is not None]
    carbon = _scaled([_intensities(site, view) for site in known])
    paid = _scaled([_prices(site, view) for site in known])
    mixed = {site.name: _cheapest((1 - money) * c + money * m) for site, c, m in zip(known, carbon, paid, strict=True)}
    return [mixed.get(site.name, float("inf")) for site in view.sites]


def _intensities(site: SiteView, view: View) -> np.ndarray:
    """The coming day hour by hour, g per kWh at the plug."""
    assert site.forecast is not None  # noqa: S101 - asked before
    return np.asarray(site.pue * site.forecast.ahead(view.now_s, HOUR_S, round(DAY_S / HOUR_S)))


def _prices(site: SiteView, view: View) -> np.ndarray:
    """What a training device's hour costs there in the coming day."""
    known = site.rates.prices_per_kwh
    at = np.minimum(np.arange(round(DAY_S / HOUR_S)) * HOUR_S // view.period_s, len(known) - 1).astype(int)
    return np.asarray(site.rates.device_hour + site.rates.training_w * HOUR_S / J_PER_KWH * known[at])


def _scaled(costs: list[np.ndarray]) -> list[np.ndarray]:
    """In units of the mean of all; as they are where that is nothing."""
    mean = float(np.mean(costs)) if costs else 0.0
    return [cost / mean for cost in costs] if mean > 0 else costs


def _cheapest(costs: np.ndarray) -> float:
    return float(np.sort(costs)[:_HOURS].mean())


def _repays(here: SiteView, there: SiteView, costs: dict[str, float]) -> bool:
    """Whether a day's work saves twice what the way costs, as hours of work of a device here."""
    devices, plug_w = min(here.devices, there.devices), here.rates.training_w / here.pue
    saved = devices * _HOURS * (costs[here.name] - costs[there.name])
    way_h = devices * _RESTART_S / HOUR_S + (there.move_j / (plug_w * HOUR_S) if plug_w else 0.0)
    return there is not here and saved > _REPAYS * way_h * costs[here.name]


def _why(here: SiteView, there: SiteView, view: View, money: float) -> str:
    """What speaks for the move, in the units of what was weighed."""
    said = []
    if money < 1:
        clean = [_cheapest(_intensities(site, view)) if site.forecast else float("inf") for site in (here, there)]
        said.append(f"{clean[0]:.0f} at {here.name} and {clean[1]:.0f} at {there.name}, g/kWh with PUE")
    if money > 0:
        paid = [_cheapest(_prices(site, view)) for site in (here, there)]
        said.append(f"{paid[0]:.3g} at {here.name} and {paid[1]:.3g} at {there.name} a GPU's hour")
    return f"The coming day's cheapest {_HOURS} h cost {'; '.join(said)}: the search moves."


def _with_devices(decision: Decision, devices: int) -> Decision:
    """The decision with no more devices at work than there are; sampling gives way first."""
    wanted = decision.allocation
    evaluating = min(wanted.evaluating, devices)
    sampling = min(wanted.sampling, devices - evaluating)
    idle = min(wanted.idle, devices - evaluating - sampling)
    released = wanted.devices - evaluating - sampling - idle
    allocation = replace(wanted, evaluating=evaluating, sampling=sampling, idle=idle, released=released)
    return replace(decision, allocation=allocation)
