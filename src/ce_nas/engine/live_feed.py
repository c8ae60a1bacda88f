"""From settings to a live grid's feed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ce_nas.engine.settings import Settings
    from ce_nas.grid.live.feed import Extend, Feed

__all__ = ["live_facts", "live_feed_of"]


def live_feed_of(settings: Settings, extend: Callable[[], Extend]) -> Feed | None:
    """The feed that the settings name; None if they name none.

    :param extend: makes our own forecast from the last good data.
    :raises SettingsError: if something of the settings does not go with a live grid, or a key is not set.
    """
    grid = settings.grid
    if grid.live is None:
        return None
    for hindrance, words in _hindrances(settings).items():
        if hindrance:
            message = f"A live grid ({grid.live}) {words}."
            raise SettingsError(message)
    from ce_nas.core.clock import utc_now
    from ce_nas.grid.live.registry import live_feed
    from ce_nas.grid.live.steps import Step

    return live_feed(
        grid.live,
        now=utc_now,
        cache=grid.cache,
        factors=grid.factors,
        like=grid.like,
        worst=Step(grid.worst),
        extend=extend(),
    )


def _hindrances(settings: Settings) -> dict[bool, str]:
    """What keeps a live grid from being one, in words, by whether it is there."""
    grid, live = settings.grid, settings.live
    found = [
        (not live.on, "is the grid of a search on real devices: add --live, or give a trace instead"),
        (grid.zone is None, "needs a zone, as the source calls it: add --zone"),
        (live.time_scale != 1.0, f"passes in real time: leave out time_scale {live.time_scale:g}"),
        (grid.trace is not None, f"and a trace ({grid.trace}) cannot both be the grid: leave one out"),
        (bool(settings.site.others), "is that of one site: leave out site.others"),
        (
            not isinstance(settings.prices.electricity_per_kwh, float),
            "goes with one price of electricity: give a number, no file",
        ),
    ]
    return dict(reversed(found))


def live_facts(feed: Feed, zone: str) -> dict[str, Any]:
    """What a live grid stands for, for the journal; its values are told as they are read."""
    source = feed.source
    return {
        "zone": zone,
        "synthetic": False,
        "factors": source.factors,
        "signal": source.signal,
        "origin": f"live, {source.name}",
        "step_s": source.step_s,
        "duplicates": 0,
        "gaps": [],
        "sha256": None,
        "mix": [],
        "known_ahead_sha256": {},
    }
