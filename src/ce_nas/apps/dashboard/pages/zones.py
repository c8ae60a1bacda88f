"""The zones page: carbon-intensity forecasts, and the best start times for a job."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import numpy as np

from ce_nas.apps.dashboard.layout import PageLayout, render_page
from ce_nas.apps.dashboard.zone_forecast import HORIZON_H, ZoneForecast
from ce_nas.config.schema import Settings
from ce_nas.core.errors import SettingsError
from ce_nas.core.formatting import format_carbon, format_percentage
from ce_nas.core.units import HOUR_S, J_PER_KWH
from ce_nas.forecast.best_start import find_best_start
from ce_nas.report.page import ReportSection, ReportTable
from ce_nas.report.plotting.chart import Chart, ChartCurve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from ce_nas.apps.dashboard.zone_forecast import KnownForecasts, ZoneForecasts
    from ce_nas.forecast.best_start import BestStart
    from ce_nas.report.i18n.translator import Translator

__all__ = ["JobRequest", "zones_page"]

BLACK, ORANGE, GREEN = "#1a1a1a", "#b34700", "#cfe8dd"
#: quantiles of a band to its colour, widest first
BAND_COLOURS = {(0.025, 0.975): "#fbe6d8", (0.1, 0.9): "#f3c3a3"}
#: seconds after which the page asks for an update
REFRESH_INTERVAL_S = 60.0
#: the same while forecasts are being computed
PENDING_INTERVAL_S = 3.0
MAX_GPUS = 100_000


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A job to schedule, and the zone to show in detail."""

    zone: str = ""
    hours: int = 8
    #: hours from now to the deadline
    within: int = 48
    gpus: int = 8

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> JobRequest:
        """Parse a query; missing values take their defaults.

        :raises SettingsError: if a value is no number, or out of bounds.
        """
        values = {
            name: _parse_bounded_int(name, query.get(name, "").strip() or str(default), maximum)
            for name, default, maximum in (("hours", 8, HORIZON_H), ("within", 48, HORIZON_H), ("gpus", 8, MAX_GPUS))
        }
        if values["hours"] > values["within"]:
            message = f"Expected a job that ends by its deadline, got {values['hours']} h within {values['within']} h."
            raise SettingsError(message)
        return cls(query.get("zone", ""), **values)

    @property
    def power_w(self) -> float:
        """Power of the job from the grid, PUE included, by the default settings of a search."""
        cluster = Settings().cluster
        return self.gpus * cluster.training_w * cluster.pue

    def format_carbon(self, g_per_kwh: float) -> str:
        """The carbon of the job at a mean intensity, formatted."""
        return format_carbon(self.power_w * self.hours * HOUR_S / J_PER_KWH * g_per_kwh)


def zones_page(
    forecasts: ZoneForecasts | KnownForecasts,
    job_request: JobRequest,
    now: datetime,
    translate: Translator,
    refresh_interval_s: float = REFRESH_INTERVAL_S,
) -> str:
    """Render the page.

    :param refresh_interval_s: time after which the page asks for an update, s.
    :raises SettingsError: if the zone is unknown.
    """
    names = forecasts.zone_names()
    job_request = job_request if job_request.zone else replace(job_request, zone=names[0])
    selected = forecasts.get(job_request.zone, now)
    by_zone = {name: forecasts.get(name, now) for name in names}
    address = f"/zones?{urlencode(asdict(job_request))}"
    title, lead = translate("board.zones.title"), translate("board.zones.lead")
    layout = PageLayout(title, lead, "zones", address, refresh_interval_s)
    sections = [
        _zone_section(selected, job_request, translate),
        _all_zones_section(by_zone, job_request, translate),
        _provenance_section(by_zone, job_request, translate),
    ]
    return render_page(
        "zones.html", layout, translate, sections=sections, names=names, job=job_request, max_hours=HORIZON_H,
        max_gpus=MAX_GPUS,
    )  # fmt: skip


def _zone_section(forecast: ZoneForecast | str, job_request: JobRequest, translate: Translator) -> ReportSection:
    """One zone in detail."""
    title = translate("board.zones.close", zone=job_request.zone)
    if isinstance(forecast, str):
        return ReportSection("zone", title, paragraphs=[forecast])
    best = find_best_start(forecast.forecast_g_per_kwh, job_request.hours, job_request.within)
    return ReportSection(
        "zone", title,
        paragraphs=[
            _start_text(forecast, best, job_request, translate),
            translate(
                "board.zones.paused", hours=_format_hour_ranges(forecast, best.pausing_hours),
                then=job_request.format_carbon(best.pausing_g_per_kwh),
                share=format_percentage(best.saved_share(best.pausing_g_per_kwh)),
            ),
        ],
        charts=[_intensity_chart(forecast, best, job_request, translate)],
        tables=[_best_starts_table(forecast, job_request, translate), _hourly_table(forecast, translate)],
    )  # fmt: skip


def _start_text(forecast: ZoneForecast, best: BestStart, job_request: JobRequest, translate: Translator) -> str:
    shared = {
        "hours": job_request.hours,
        "gpus": job_request.gpus,
        "now": job_request.format_carbon(best.now_g_per_kwh),
    }
    if not best.start_h:
        return translate("board.zones.start_now", **shared)
    return translate(
        "board.zones.start", start=_format_time(forecast, best.start_h),
        then=job_request.format_carbon(best.start_g_per_kwh),
        share=format_percentage(best.saved_share(best.start_g_per_kwh)), **shared,
    )  # fmt: skip


def _all_zones_section(
    forecasts: Mapping[str, ZoneForecast | str], job_request: JobRequest, translate: Translator
) -> ReportSection:
    """One row per zone."""
    rows: list[tuple[str, ...]] = []
    missing: dict[str, list[str]] = {}
    for name, forecast in forecasts.items():
        if isinstance(forecast, str):
            missing.setdefault(forecast, []).append(name)
            continue
        best = find_best_start(forecast.forecast_g_per_kwh, job_request.hours, job_request.within)
        rows.append(
            (
                f"**{name}**" if name == job_request.zone else name,
                f"{forecast.past_g_per_kwh[-1]:.0f}",
                f"{forecast.forecast_g_per_kwh[:24].mean():.0f}",
                _format_time(forecast, best.start_h) if best.start_h else translate("board.zones.now"),
                format_percentage(best.saved_share(best.start_g_per_kwh)),
                format_percentage(best.saved_share(best.pausing_g_per_kwh)),
                job_request.format_carbon(best.start_g_per_kwh),
            )
        )
    header = (
        translate("board.zone"), translate("board.zones.last"), translate("board.zones.day"),
        translate("board.zones.best"), translate("board.zones.saves"), translate("board.zones.saves_paused"),
        translate("board.zones.grams"),
    )  # fmt: skip
    caption = translate(
        "board.zones.caption", hours=job_request.hours, within=job_request.within, gpus=job_request.gpus
    )
    table = ReportTable(caption, header, rows, copyable=True)
    return ReportSection(
        "zones",
        translate("board.zones.all"),
        tables=[table] if rows else [],
        notes=[f"{translate.join(names)}: {message}" for message, names in missing.items()],
    )


def _best_starts_table(forecast: ZoneForecast, job_request: JobRequest, translate: Translator) -> ReportTable:
    """The best start on each day of the forecast."""
    means = np.convolve(
        forecast.forecast_g_per_kwh[: job_request.within], np.full(job_request.hours, 1.0 / job_request.hours), "valid"
    )
    days: dict[str, int] = {}
    for start, mean in enumerate(means):
        day = f"{forecast.time_after(start):%Y-%m-%d}"
        if day not in days or mean < means[days[day]]:
            days[day] = start
    rows = [
        (
            day,
            f"{forecast.time_after(start):%H:%M}",
            f"{means[start]:.0f}",
            job_request.format_carbon(means[start]),
            format_percentage(1 - means[start] / means[0], signed=True) if means[0] > 0 else "",
        )
        for day, start in days.items()
    ]
    header = (
        translate("board.zones.on"), translate("board.zones.from"), translate("board.zones.mean"), translate("co2eq"),
        translate("board.zones.saves"),
    )  # fmt: skip
    return ReportTable(translate("board.zones.days"), header, rows)


def _hourly_table(forecast: ZoneForecast, translate: Translator) -> ReportTable:
    bands = [levels for levels in BAND_COLOURS if set(levels) <= set(forecast.forecast.quantiles_g_per_kwh)]
    hourly = {
        level: forecast.forecast.resample(forecast.forecast.start_s, HOUR_S, HORIZON_H, level)
        for levels in bands
        for level in levels
    }
    rows = [
        (
            _format_time(forecast, hour),
            f"{mean:.0f}",
            *(f"{hourly[low][hour]:.0f} - {hourly[high][hour]:.0f}" for low, high in bands),
        )
        for hour, mean in enumerate(forecast.forecast_g_per_kwh)
    ]
    header = (
        translate("board.zones.from"), translate("forecast"),
        *(translate("band", share=format_percentage(high - low)) for low, high in bands),
    )  # fmt: skip
    return ReportTable(translate("board.zones.hours"), header, rows, copyable=True, collapsed=True)


def _intensity_chart(forecast: ZoneForecast, best: BestStart, job_request: JobRequest, translate: Translator) -> Chart:
    """The recent hours, the forecast, and the hours of the job."""
    step_h, n_past = forecast.step_s / HOUR_S, len(forecast.past_g_per_kwh)
    mean, past = _to_floats(forecast.forecast.mean_g_per_kwh), _to_floats(forecast.past_g_per_kwh)
    future_h = tuple(step_h * step for step in range(len(mean) + 1))
    past_h = tuple(step_h * (step - n_past) for step in range(n_past + 1))
    bands = list(_quantile_bands(forecast, future_h, translate))
    values = [*mean, *past, *(value for band in bands for value in (*band.y, *band.lower))]
    job_h = (float(best.start_h), float(best.start_h + job_request.hours))
    tooltips = tuple(
        f"{_format_time(forecast, hour)} UTC: {value:.0f} g/kWh" for hour, value in zip(future_h, mean, strict=False)
    )
    curves = (
        ChartCurve(translate("board.zones.job"), "band", job_h, (max(values),), GREEN, lower=(min(values),)),
        *bands,
        ChartCurve(translate("board.zones.past"), "steps", past_h, past, BLACK),
        ChartCurve(translate("forecast"), "steps", future_h, mean, ORANGE, tooltips=tooltips),
    )
    alt = translate("alt.grid", hours=f"{future_h[-1]:.0f}", low=f"{min(mean):.0f}", high=f"{max(mean):.0f}")
    title = translate("board.zones.chart", zone=forecast.zone)
    return Chart(
        "outlook", title, alt, translate("board.zones.axis", issued=_format_time(forecast, 0)), "g CO2eq/kWh", curves
    )


def _quantile_bands(forecast: ZoneForecast, hours: tuple[float, ...], translate: Translator) -> Iterator[ChartCurve]:
    """The bands between a low and a high quantile, if the forecaster has them."""
    quantiles = forecast.forecast.quantiles_g_per_kwh
    for (low, high), colour in BAND_COLOURS.items():
        if {low, high} <= set(quantiles):
            name = translate("band", share=format_percentage(high - low))
            yield ChartCurve(name, "band", hours, _to_floats(quantiles[high]), colour, lower=_to_floats(quantiles[low]))


def _provenance_section(
    forecasts: Mapping[str, ZoneForecast | str], job_request: JobRequest, translate: Translator
) -> ReportSection:
    available = [forecast for forecast in forecasts.values() if isinstance(forecast, ZoneForecast)]
    forecasters = sorted({forecast.forecast.forecaster for forecast in available})
    cluster = Settings().cluster
    watts, pue = f"{cluster.training_w:,.0f}", f"{cluster.pue:g}"
    notes = [
        *([translate("board.zones.synthetic")] if any(forecast.trace.synthetic for forecast in available) else []),
        *([translate("board.zones.forecaster", names=translate.join(forecasters))] if forecasters else []),
        translate("board.zones.power", gpus=job_request.gpus, watts=watts, pue=pue),
        translate("board.zones.pausing"),
        *_stale_zone_notes(available, translate),
    ]
    return ReportSection("basis", translate("section.basis"), notes=notes)


def _stale_zone_notes(forecasts: Sequence[ZoneForecast], translate: Translator) -> Iterator[str]:
    """Zones whose data ends before that of the others."""
    latest = max((forecast.issued_at for forecast in forecasts), default=None)
    for forecast in forecasts:
        if latest and (latest - forecast.issued_at).total_seconds() >= HOUR_S:
            yield translate("board.zones.stale", zone=forecast.zone, until=_format_time(forecast, 0))


def _format_time(forecast: ZoneForecast, hours: float) -> str:
    return f"{forecast.time_after(hours):%Y-%m-%d %H:%M}"


def _format_hour_ranges(forecast: ZoneForecast, hours: Sequence[int]) -> str:
    """Hours as ranges: ``11-24 09:00 - 12:00``."""
    ranges: list[list[int]] = []
    for hour in hours:
        if ranges and ranges[-1][1] == hour:
            ranges[-1][1] = hour + 1
        else:
            ranges.append([hour, hour + 1])
    return "; ".join(
        f"{forecast.time_after(first):%m-%d %H:%M} - {forecast.time_after(last):%H:%M}" for first, last in ranges
    )


def _to_floats(values: np.ndarray) -> tuple[float, ...]:
    return tuple(values.tolist())


def _parse_bounded_int(name: str, text: str, maximum: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if not 0 < value <= maximum:
        message = f"Expected {name} as a whole number from 1 to {maximum}, got {text!r}."
        raise SettingsError(message)
    return value
