"""Sites of a search: their state for the policy, and the move of the search between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.core.records import Activity, EnergyReading, ReadingSource, SiteState
from ce_nas.forecast.base import FORECAST_HORIZON_S, PAST_WINDOW_S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.core.records import Rates
    from ce_nas.energy.ledger import Ledger, Prices
    from ce_nas.forecast.base import Forecaster
    from ce_nas.forecast.history import ZoneHistory
    from ce_nas.grid.trace import Series

__all__ = ["Site", "SiteMove", "Sites"]


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """One site: its grid, PUE, prices and devices."""

    name: str
    #: past carbon intensity of its grid, and its forecaster
    zone_history: ZoneHistory
    forecaster: Forecaster
    #: true carbon intensity, for the ledger only
    intensity: Series
    pue: float
    prices: Prices
    #: devices that the search may hold there
    devices: int


@dataclass(frozen=True, slots=True)
class SiteMove:
    """A completed move, with its energy from the grid and its carbon."""

    from_site: str
    to_site: str
    move_s: float
    energy_j: float
    carbon_g: float


class Sites:
    """The sites of a run; the search starts at the first.

    :param move_s: duration of a move, in which no device is used, s.
    :param move_energy_j: energy of a move, charged to the site that is left, before PUE, J.
    """

    def __init__(self, sites: Sequence[Site], move_s: float, move_energy_j: float) -> None:
        self._sites = {site.name: site for site in sites}
        #: the site of the search
        self.current = next(iter(sites))
        self.move_s = move_s
        self._move_energy_j = move_energy_j

    def states(self, now_s: float, rates: Callable[[Prices, float, float], Rates]) -> tuple[SiteState, ...]:
        """Build the state of each site for the policy.

        :param rates: the power and prices of devices by a site's prices, its PUE and the time.
        """
        return tuple(self._state(site, now_s, rates(site.prices, site.pue, now_s)) for site in self._sites.values())

    def complete_move(self, name: str, ledger: Ledger, start_s: float, end_s: float) -> SiteMove:
        """Charge a move to the current site, and make the site ``name`` the current one, also in the ledger."""
        energy_before_j, carbon_before_g = ledger.totals.for_activity(Activity.MOVE)
        ledger.record([EnergyReading(0, Activity.MOVE, start_s, end_s, self._move_energy_j, ReadingSource.ESTIMATED)])
        energy_j, carbon_g = ledger.totals.for_activity(Activity.MOVE)
        from_site, self.current = self.current.name, self._sites[name]
        ledger.switch_site(self.current.intensity, self.current.pue, self.current.prices)
        return SiteMove(from_site, name, end_s - start_s, energy_j - energy_before_j, carbon_g - carbon_before_g)

    def _state(self, site: Site, now_s: float, rates: Rates) -> SiteState:
        past = site.zone_history.inputs_at(now_s, max(PAST_WINDOW_S, site.forecaster.lookback_s), FORECAST_HORIZON_S)
        forecast = site.forecaster.predict(past, FORECAST_HORIZON_S) if past else None
        return SiteState(site.name, site is self.current, forecast, site.pue, site.devices, self._move_energy_j, rates)
