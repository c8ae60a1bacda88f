"""Spatial shifting: the search moves to the site with the cheapest hours if that repays the move."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.policies.base import Decision, Policy
from ce_nas.policies.planning import RESTART_S

if TYPE_CHECKING:
    from ce_nas.core.records import SiteState, State

__all__ = ["MigratingPolicy"]

#: hours of a day that a search is assumed to work in, the cheapest ones
_WORKING_HOURS_PER_DAY = 8
#: least saving of a day's work, in units of the cost of the move
_MIN_PAYBACK_RATIO = 2.0


class MigratingPolicy(Policy):
    """Another policy at the site where the coming day's cheapest hours are.

    The cost of an hour is its carbon, PUE included, or its money, or a mix of both; each is normalised by its mean over
    the compared sites and hours. The search moves if the savings of a day's work repay the move twice.

    :param inner: the policy that allocates the devices; it sees the forecast and the prices of the chosen site.
    :param cost_weight: weight of money in the cost of an hour, 0 to 1; the rest is carbon.

    Example:
        >>> from ce_nas.policies.baselines import VanillaPolicy
        >>> from ce_nas.testing import make_state
        >>> MigratingPolicy(VanillaPolicy()).decide(make_state()).site is None  # there is only one site
        True
    """

    def __init__(self, inner: Policy, cost_weight: float = 0.0) -> None:
        self.name = inner.name
        self._inner = inner
        self._cost_weight = cost_weight

    def decide(self, state: State) -> Decision:
        """See :meth:`Policy.decide`."""
        if not state.sites:
            return self._inner.decide(state)
        current = next(site for site in state.sites if site.is_current)
        costs = dict(zip((site.name for site in state.sites), _site_costs(state, self._cost_weight), strict=True))
        best = min(state.sites, key=lambda site: costs[site.name])
        chosen = best if _is_move_worthwhile(current, best, costs) else current
        state_at_chosen = replace(
            state,
            grid=replace(state.grid, forecast=chosen.forecast),
            cluster=replace(state.cluster, rates=chosen.rates),
        )
        decision = _limit_devices(self._inner.decide(state_at_chosen), chosen.devices)
        if chosen is current:
            return decision
        reason = f"{decision.reason} {_move_reason(current, chosen, state, self._cost_weight)}"
        return replace(decision, reason=reason, site=chosen.name)


def _site_costs(state: State, cost_weight: float) -> list[float]:
    """Cost of a device's hour in the cheapest hours of the coming day, by site; infinite without a forecast."""
    known = [site for site in state.sites if site.forecast is not None]
    carbon = _normalize([_site_intensities(site, state) for site in known])
    money = _normalize([_device_hour_prices(site, state) for site in known])
    costs = {
        site.name: _mean_cheapest_hours((1 - cost_weight) * c + cost_weight * m)
        for site, c, m in zip(known, carbon, money, strict=True)
    }
    return [costs.get(site.name, float("inf")) for site in state.sites]


def _site_intensities(site: SiteState, state: State) -> np.ndarray:
    """Forecast of the coming day by hour, g CO2eq per kWh at the devices' plugs, shape (24,)."""
    assert site.forecast is not None  # noqa: S101 - callers pass sites with a forecast
    return np.asarray(site.pue * site.forecast.resample(state.now_s, HOUR_S, round(DAY_S / HOUR_S)))


def _device_hour_prices(site: SiteState, state: State) -> np.ndarray:
    """Price of a training device's hour at a site in the coming day, shape (24,)."""
    known = site.rates.prices_per_kwh
    periods = np.minimum(np.arange(round(DAY_S / HOUR_S)) * HOUR_S // state.period_s, len(known) - 1).astype(int)
    return site.rates.training_hour_price(known[periods])


def _normalize(costs: list[np.ndarray]) -> list[np.ndarray]:
    """The costs in units of the mean of all of them; unchanged if that is 0."""
    mean = float(np.mean(costs)) if costs else 0.0
    return [cost / mean for cost in costs] if mean > 0 else costs


def _mean_cheapest_hours(costs: np.ndarray) -> float:
    return float(np.sort(costs)[:_WORKING_HOURS_PER_DAY].mean())


def _is_move_worthwhile(current: SiteState, destination: SiteState, costs: dict[str, float]) -> bool:
    """Whether a day's work saves twice the cost of the move, in hours of a device's work at the current site."""
    devices, plug_w = min(current.devices, destination.devices), current.rates.training_w / current.pue
    saved = devices * _WORKING_HOURS_PER_DAY * (costs[current.name] - costs[destination.name])
    move_h = devices * RESTART_S / HOUR_S + (destination.move_energy_j / (plug_w * HOUR_S) if plug_w else 0.0)
    return destination is not current and saved > _MIN_PAYBACK_RATIO * move_h * costs[current.name]


def _move_reason(current: SiteState, destination: SiteState, state: State, cost_weight: float) -> str:
    """The reason for the move, in the units that were compared."""
    parts = []
    if cost_weight < 1:
        carbon = [
            _mean_cheapest_hours(_site_intensities(site, state)) if site.forecast else float("inf")
            for site in (current, destination)
        ]
        parts.append(f"{carbon[0]:.0f} at {current.name} and {carbon[1]:.0f} at {destination.name}, g/kWh with PUE")
    if cost_weight > 0:
        money = [_mean_cheapest_hours(_device_hour_prices(site, state)) for site in (current, destination)]
        parts.append(f"{money[0]:.3g} at {current.name} and {money[1]:.3g} at {destination.name} a GPU's hour")
    return f"The coming day's cheapest {_WORKING_HOURS_PER_DAY} h cost {'; '.join(parts)}: the search moves."


def _limit_devices(decision: Decision, devices: int) -> Decision:
    """The decision with at most ``devices`` devices in use; sampling is reduced first."""
    requested = decision.allocation
    evaluating = min(requested.evaluating, devices)
    sampling = min(requested.sampling, devices - evaluating)
    idle = min(requested.idle, devices - evaluating - sampling)
    released = requested.devices - evaluating - sampling - idle
    allocation = replace(requested, evaluating=evaluating, sampling=sampling, idle=idle, released=released)
    return replace(decision, allocation=allocation)
