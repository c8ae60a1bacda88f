"""The zones: what is expected of their coming days, and the best hours for a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import numpy as np

from ce_nas.apps.dashboard.layout import Frame, page
from ce_nas.apps.dashboard.zone_forecast import AHEAD_H, Outlook
from ce_nas.config.schema import Settings
from ce_nas.core.errors import SettingsError
from ce_nas.core.units import HOUR_S, J_PER_KWH, as_carbon
from ce_nas.forecast.best_start import timing
from ce_nas.report.page import Section, Table
from ce_nas.report.plotting.chart import Chart, Curve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from ce_nas.apps.dashboard.zone_forecast import Outlooks
    from ce_nas.forecast.best_start import Timing
    from ce_nas.report.i18n.words import Words

__all__ = ["Wish", "zones_page"]

BLACK, ORANGE, GREEN = "#1a1a1a", "#b34700", "#cfe8dd"
#: levels of a band to its colour, the widest first
BANDS = {(0.025, 0.975): "#fbe6d8", (0.1, 0.9): "#f3c3a3"}
#: how often the page looks at the clock
EVERY_S = 60.0
GPUS_MOST = 100_000


@dataclass(frozen=True, slots=True)
class Wish:
    """A job to be placed, and the zone that is looked at closely."""

    zone: str = ""
    hours: int = 8
    #: hours from now in which it has to be done
    within: int = 48
    gpus: int = 8

    @classmethod
    def of(cls, stated: Mapping[str, str]) -> Wish:
        """What a reader typed; what was left out is as by default.

        :raises SettingsError: if a number is none, or out of bounds.
        """
        whole = {
            name: _whole(name, stated.get(name, "").strip() or str(default), most)
            for name, default, most in (("hours", 8, AHEAD_H), ("within", 48, AHEAD_H), ("gpus", 8, GPUS_MOST))
        }
        if whole["hours"] > whole["within"]:
            message = f"Expected a job that fits into its window, got {whole['hours']} h within {whole['within']} h."
            raise SettingsError(message)
        return cls(stated.get("zone", ""), **whole)

    @property
    def power_w(self) -> float:
        """What the job draws from the grid, by the defaults of a search."""
        cluster = Settings().cluster
        return self.gpus * cluster.training_w * cluster.pue

    def grams(self, g_per_kwh: float) -> str:
        """What the job emits at a mean intensity."""
        return as_carbon(self.power_w * self.hours * HOUR_S / J_PER_KWH * g_per_kwh)


def zones_page(outlooks: Outlooks, wish: Wish, now: datetime, words: Words) -> str:
    """The page.

    :raises SettingsError: if there is no such zone.
    """
    names = outlooks.names()
    wish = wish if wish.zone else Wish(names[0], wish.hours, wish.within, wish.gpus)
    chosen = outlooks.of(wish.zone, now)
    found = {name: outlooks.of(name, now) for name in names}
    query = urlencode({"zone": wish.zone, "hours": wish.hours, "within": wish.within, "gpus": wish.gpus})
    frame = Frame(words("board.zones.title"), words("board.zones.lead"), "zones", f"/zones?{query}", EVERY_S)
    sections = [_close(chosen, wish, words), _all(found, wish, words), _basis(found, wish, words)]
    return page("zones.html", frame, words, sections=sections, names=names, wish=wish, most=AHEAD_H, gpus=GPUS_MOST)


def _close(found: Outlook | str, wish: Wish, words: Words) -> Section:
    """One zone closely."""
    title = words("board.zones.close", zone=wish.zone)
    if isinstance(found, str):
        return Section("zone", title, paragraphs=[found])
    best = timing(found.ahead_g_per_kwh, wish.hours, wish.within)
    paragraphs = [
        words(
            "board.zones.start", start=_moment(found, best.start), hours=wish.hours, gpus=wish.gpus,
            now=wish.grams(best.now_g_per_kwh), then=wish.grams(best.start_g_per_kwh),
            share=f"{best.saved(best.start_g_per_kwh):.0%}",
        )
        if best.start
        else words("board.zones.start_now", hours=wish.hours, gpus=wish.gpus, now=wish.grams(best.now_g_per_kwh)),
        words(
            "board.zones.paused", hours=_spans(found, best.hours), then=wish.grams(best.hours_g_per_kwh),
            share=f"{best.saved(best.hours_g_per_kwh):.0%}",
        ),
    ]  # fmt: skip
    return Section(
        "zone", title, paragraphs=paragraphs, charts=[_chart(found, best, wish, words)],
        tables=[_days(found, wish, words), _hours(found, words)],
    )  # fmt: skip


def _all(found: Mapping[str, Outlook | str], wish: Wish, words: Words) -> Section:
    """Every zone in a line."""
    rows, failed = [], []
    for name, one in found.items():
        if isinstance(one, str):
            failed.append(f"{name}: {one}")
            continue
        best = timing(one.ahead_g_per_kwh, wish.hours, wish.within)
        rows.append(
            (
                f"**{name}**" if name == wish.zone else name,
                f"{one.past_g_per_kwh[-1]:.0f}",
                f"{one.ahead_g_per_kwh[:24].mean():.0f}",
                _moment(one, best.start) if best.start else words("board.zones.now"),
                f"{best.saved(best.start_g_per_kwh):.0%}",
                f"{best.saved(best.hours_g_per_kwh):.0%}",
                wish.grams(best.start_g_per_kwh),
            )
        )
    head = (
        words("board.zone"), words("board.zones.last"), words("board.zones.day"), words("board.zones.best"),
        words("board.zones.saves"), words("board.zones.saves_paused"), words("board.zones.grams"),
    )  # fmt: skip
    caption = words("board.zones.caption", hours=wish.hours, within=wish.within, gpus=wish.gpus)
    return Section("zones", words("board.zones.all"), tables=[Table(caption, head, rows, copies=True)], notes=failed)


def _days(found: Outlook, wish: Wish, words: Words) -> Table:
    """The best start on each of the coming days."""
    means = np.convolve(found.ahead_g_per_kwh[: wish.within], np.full(wish.hours, 1.0 / wish.hours), "valid")
    days: dict[str, int] = {}
    for start, mean in enumerate(means):
        day = f"{found.at(start):%Y-%m-%d}"
        if day not in days or mean < means[days[day]]:
            days[day] = start
    rows = [
        (
            day,
            f"{found.at(start):%H:%M}",
            f"{means[start]:.0f}",
            wish.grams(means[start]),
            f"{1 - means[start] / means[0]:+.0%}" if means[0] > 0 else "",
        )
        for day, start in days.items()
    ]
    head = (
        words("board.zones.on"), words("board.zones.from"), words("board.zones.mean"), words("co2eq"),
        words("board.zones.saves"),
    )  # fmt: skip
    return Table(words("board.zones.days"), head, rows)


def _hours(found: Outlook, words: Words) -> Table:
    bands = [pair for pair in BANDS if set(pair) <= set(found.forecast.quantiles_g_per_kwh)]
    ahead = {
        level: found.forecast.ahead(found.forecast.start_s, HOUR_S, AHEAD_H, level) for pair in bands for level in pair
    }
    rows = [
        (
            _moment(found, hour),
            f"{mean:.0f}",
            *(f"{ahead[low][hour]:.0f} - {ahead[high][hour]:.0f}" for low, high in bands),
        )
        for hour, mean in enumerate(found.ahead_g_per_kwh)
    ]
    head = (
        words("board.zones.from"), words("forecast"),
        *(words("band", share=f"{high - low:.0%}") for low, high in bands),
    )  # fmt: skip
    return Table(words("board.zones.hours"), head, rows, copies=True, folded=True)


def _chart(found: Outlook, best: Timing, wish: Wish, words: Words) -> Chart:
    """The hours that were, those that are expected, and where the job would run."""
    step_h, back = found.step_s / HOUR_S, len(found.past_g_per_kwh)
    mean, past = _floats(found.forecast.mean_g_per_kwh), _floats(found.past_g_per_kwh)
    ahead = tuple(step_h * step for step in range(len(mean) + 1))
    behind = tuple(step_h * (step - back) for step in range(back + 1))
    bands = list(_bands(found, ahead, words))
    values = [*mean, *past, *(value for band in bands for value in (*band.y, *band.low))]
    job = (float(best.start), float(best.start + wish.hours))
    hints = tuple(f"{_moment(found, hour)} UTC: {value:.0f} g/kWh" for hour, value in zip(ahead, mean, strict=False))
    curves = (
        Curve(words("board.zones.job"), "band", job, (max(values),), GREEN, low=(min(values),)),
        *bands,
        Curve(words("board.zones.past"), "steps", behind, past, BLACK),
        Curve(words("forecast"), "steps", ahead, mean, ORANGE, hints=hints),
    )
    alt = words("alt.grid", hours=f"{ahead[-1]:.0f}", low=f"{min(mean):.0f}", high=f"{max(mean):.0f}")
    title = words("board.zones.chart", zone=found.zone)
    return Chart("outlook", title, alt, words("board.zones.axis", issued=_moment(found, 0)), "g CO2eq/kWh", curves)


def _bands(found: Outlook, ahead: tuple[float, ...], words: Words) -> Iterator[Curve]:
    """What lies between a low and a high quantile, where the forecaster knows them."""
    quantiles = found.forecast.quantiles_g_per_kwh
    for (low, high), colour in BANDS.items():
        if {low, high} <= set(quantiles):
            name = words("band", share=f"{high - low:.0%}")
            yield Curve(name, "band", ahead, _floats(quantiles[high]), colour, low=_floats(quantiles[low]))


def _basis(found: Mapping[str, Outlook | str], wish: Wish, words: Words) -> Section:
    known = [one for one in found.values() if isinstance(one, Outlook)]
    cluster = Settings().cluster
    return Section(
        "basis", words("section.basis"),
        notes=[
            *([words("board.zones.synthetic")] if any(one.trace.synthetic for one in known) else []),
            words("board.zones.forecaster", names=words.listed(sorted({one.forecast.forecaster for one in known}))),
            words("board.zones.power", gpus=wish.gpus, watts=f"{cluster.training_w:,.0f}", pue=f"{cluster.pue:g}"),
            words("board.zones.pausing"),
            *_stale(known, words),
        ],
    )  # fmt: skip


def _stale(known: Sequence[Outlook], words: Words) -> Iterator[str]:
    """Zones whose record ends before those of the others."""
    latest = max(one.issued for one in known)
    for one in known:
        if (latest - one.issued).total_seconds() >= HOUR_S:
            yield words("board.zones.stale", zone=one.zone, until=_moment(one, 0))


def _moment(found: Outlook, hours: float) -> str:
    return f"{found.at(hours):%Y-%m-%d %H:%M}"


def _spans(found: Outlook, hours: Sequence[int]) -> str:
    """Hours as stretches: ``11-24 09:00 - 12:00``."""
    spans: list[list[int]] = []
    for hour in hours:
        if spans and spans[-1][1] == hour:
            spans[-1][1] = hour + 1
        else:
            spans.append([hour, hour + 1])
    return "; ".join(f"{found.at(first):%m-%d %H:%M} - {found.at(last):%H:%M}" for first, last in spans)


def _floats(values: np.ndarray) -> tuple[float, ...]:
    return tuple(values.tolist())


def _whole(name: str, text: str, most: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if not 0 < value <= most:
        message = f"Expected {name} as a whole number from 1 to {most}, got {text!r}."
        raise SettingsError(message)
    return value
