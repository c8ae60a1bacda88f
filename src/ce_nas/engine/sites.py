"""Several places where a search may go on, one at a time, and what it takes to carry it from one to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.core.records import Activity, Reading, SiteView, Source
from ce_nas.engine.state_builder import HORIZON_S, MEMORY_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.energy.ledger import Prices
    from ce_nas.engine.components import Plan
    from ce_nas.forecast.base import Forecaster
    from ce_nas.forecast.history import Memory
    from ce_nas.grid.trace import Series

__all__ = ["Site", "Sites"]


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """One place: its grid, its building, its prices, its devices."""

    name: str
    #: what is known of its grid, and who foretells it
    memory: Memory
    forecaster: Forecaster
    #: the true carbon intensity, for the books alone
    intensity: Series
    pue: float
    prices: Prices
    #: devices that the search may hold there
    devices: int


class Sites:
    """The places of a run; it begins at the first.

    :param move_s: how long the search rests while it is carried to another place.
    :param move_j: what that draws, where it comes from, before PUE, J.
    """

    def __init__(self, sites: Sequence[Site], move_s: float, move_j: float) -> None:
        self._sites = {site.name: site for site in sites}
        self.here = next(iter(sites))
        self.move_s = move_s
        self._move_j = move_j

    def views(self, now_s: float, plan: Plan) -> tuple[SiteView, ...]:
        """What an allocator may know of each place."""
        return tuple(self._view(site, now_s, plan) for site in self._sites.values())

    def go(self, name: str) -> Site:
        """Be at another place from now on."""
        self.here = self._sites[name]
        return self.here

    def reading(self, start_s: float, end_s: float) -> Reading:
        """What carrying the search drew."""
        return Reading(0, Activity.MOVE, start_s, end_s, self._move_j, Source.ESTIMATED)

    def _view(self, site: Site, now_s: float, plan: Plan) -> SiteView:
        past = site.memory.past(now_s, max(MEMORY_S, site.forecaster.lookback_s), HORIZON_S)
        forecast = site.forecaster.predict(past, HORIZON_S) if past else None
        rates = plan.rates(site.prices, site.pue, now_s)
        return SiteView(site.name, site is self.here, forecast, site.pue, site.devices, self._move_j, rates)
