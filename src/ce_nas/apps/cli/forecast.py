"""``ce-nas forecast``: fit a forecaster, let it predict, see how good it is."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ce_nas.apps.cli.flags import Json, Quiet, takes_record, write_json

if TYPE_CHECKING:
    from ce_nas.core.records import Forecast
    from ce_nas.forecast.backtest import Backtest
    from ce_nas.forecast.base import Forecaster, Past
    from ce_nas.forecast.dataset import Span
    from ce_nas.forecast.history import History
    from ce_nas.forecast.registry import Choice

__all__ = ["app"]

app = typer.Typer(help="Forecasts of the grid's carbon intensity: fit, predict, backtest, plot.", no_args_is_help=True)

Kind = Annotated[str, typer.Option(help="transformer, boosting, or a name that is only calibrated.")]
Name = Annotated[str, typer.Option(help="A name, a fitted model's FILE.json, or auto.")]
Names = Annotated[list[str], typer.Option(help="A name, a fitted model's FILE.json, or auto; may be repeated.")]
At = Annotated[str | None, typer.Option(help="When it is issued, UTC; the end of the record by default.")]
Ahead = Annotated[str, typer.Option(help="How far it reaches.")]
First = Annotated[str | None, typer.Option(help="The first issue, UTC; the last quarter of the record by default.")]
Last = Annotated[str | None, typer.Option(help="The last issue, UTC.", show_default=False)]
Every = Annotated[str, typer.Option(help="From one issue to the next.")]
Until = Annotated[str | None, typer.Option(help="The end of what it may learn from, UTC; the record's by default.")]
Seed = Annotated[int, typer.Option(help="Seed of the training.")]
Model = Annotated[Path | None, typer.Option(help="Where to write the model.  [default: the user's data folder]")]
Picture = Annotated[Path, typer.Option(help="The PNG to write.")]
Calibrate = Annotated[bool, typer.Option("--calibrate", help="Calibrate quantiles by the weeks before each issue.")]

#: shares of a record that a model is trained on, and stopped by; it is calibrated on the rest
TRAINED, STOPPED = 0.6, 0.8


@app.command("fit")
@takes_record
def fit(  # noqa: PLR0913 - what to fit, on what, and where to put it
    *,
    forecaster: Kind = "transformer",
    until: Until = None,
    out: Model = None,
    seed: Seed = 0,
    json: Json = None,
    quiet: Quiet = False,
    **record: Any,  # noqa: ANN401 - settings of the grid
) -> None:
    """Fit a forecaster to a zone and calibrate its intervals on hours that it was not trained on."""
    from ce_nas.core.units import as_time, parse_time
    from ce_nas.forecast.backtest import Issues
    from ce_nas.forecast.conformal import calibrate
    from ce_nas.forecast.dataset import Span
    from ce_nas.forecast.registry import model_path, save

    history = _history(record)
    start = history.intensity.start
    end = min(parse_time(until), history.intensity.end) if until else history.intensity.end
    trained, stopped = (start + _whole_days((end - start) * share) for share in (TRAINED, STOPPED))
    model, first = _fitted(forecaster, history, (Span(start, trained), Span(trained, stopped)), seed)
    table = calibrate(model, history, Issues(first, end - timedelta(hours=96)))
    spans = {"zone": history.zone, "calibrated_from": as_time(first), "until": as_time(end)}
    where = save(out or model_path(_models(), history.zone), model, table, spans)
    write_json(json, {"model": str(where), "forecaster": model.name, "calibrated_on_issues": table.issues, **spans})
    if not quiet:
        typer.echo(
            f"{model.name} for zone {history.zone}, calibrated on {table.issues} issues from {as_time(first)} to "
            f"{as_time(end)}: {where}"
        )


@app.command("predict")
@takes_record
def predict(
    *,
    forecaster: Name = "auto",
    at: At = None,
    ahead: Ahead = "96h",
    json: Json = None,
    quiet: Quiet = False,
    **record: Any,  # noqa: ANN401 - settings of the grid
) -> None:
    """Show what a forecaster expects of the coming hours, with its intervals."""
    from ce_nas.apps.cli.tables import print_table
    from ce_nas.core.units import as_time

    history = _history(record)
    past, forecast, chosen = _issued(history, forecaster, at, ahead)
    write_json(json, _content(forecast, past, chosen))
    if quiet:
        return
    every = max(round(6 * 3600 / forecast.step_s), 1)
    rows = [
        (
            as_time(past.end + timedelta(seconds=first * forecast.step_s)),
            f"{forecast.mean_g_per_kwh[first : first + every].mean():.0f}",
            *(_band(forecast, low, high, first) for low, high in ((0.1, 0.9), (0.025, 0.975))),
        )
        for first in range(0, len(forecast.mean_g_per_kwh), every)
    ]
    title = f"{past.zone}, g CO2eq/kWh, by {forecast.forecaster} ({chosen.reason})"
    print_table(title, ("from", "expected, mean of 6 h", "80 % at the start", "95 % at the start"), rows)


@app.command("backtest")
@takes_record
def backtest(  # noqa: PLR0913 - who, when, how far
    *,
    forecaster: Names = ["auto"],  # noqa: B006 - typer copies it
    first: First = None,
    last: Last = None,
    every: Every = "24h",
    ahead: Ahead = "96h",
    calibrate: Calibrate = False,
    json: Json = None,
    quiet: Quiet = False,
    **record: Any,  # noqa: ANN401 - settings of the grid
) -> None:
    """Let forecasters issue forecasts again and again over a record, and show how far off they were."""
    from ce_nas.core.units import parse_duration_s, parse_time
    from ce_nas.forecast.backtest import Issues
    from ce_nas.forecast.backtest import backtest as tested
    from ce_nas.forecast.conformal import Calibrated
    from ce_nas.forecast.registry import choose

    history, ahead_s = _history(record), parse_duration_s(ahead)
    start, end = history.intensity.start, history.intensity.end
    begin = parse_time(first) if first else start + _whole_days((end - start) * 0.75)
    issues = Issues(
        begin, parse_time(last) if last else end - timedelta(seconds=ahead_s), parse_duration_s(every), ahead_s
    )
    found = []
    for name in forecaster:
        made = choose(name, history.zone, _models()).forecaster
        found.append(tested(Calibrated(made) if calibrate else made, history, issues))
    write_json(json, [one.content() for one in found])
    if not quiet:
        _print_backtests(found)


@app.command("plot")
@takes_record
def plot(  # noqa: PLR0913 - what of whom, and where to
    *,
    forecaster: Name = "auto",
    at: At = None,
    ahead: Ahead = "96h",
    out: Picture = Path("forecast.png"),
    json: Json = None,
    quiet: Quiet = False,
    **record: Any,  # noqa: ANN401 - settings of the grid
) -> None:
    """Draw a forecast with its bands after the week that was known, over what came where that is on record."""
    from ce_nas.core.units import DAY_S
    from ce_nas.report.plotting.forecast import forecast_figure
    from ce_nas.store.run_dir import write_whole

    history = _history(record)
    past, forecast, chosen = _issued(history, forecaster, at, ahead)
    truth = history.truth(past.end_s, len(forecast.mean_g_per_kwh))
    week = past.intensity_g_per_kwh[-round(7 * DAY_S / past.step_s) :]
    write_whole(out, forecast_figure(forecast, past.end, past.zone, week, truth))
    content = _content(forecast, past, chosen)
    content["truth_g_per_kwh"] = [None if math.isnan(value) else value for value in truth.tolist()]
    write_json(json, {"figure": str(out), **content})
    if not quiet:
        typer.echo(f"{forecast.forecaster} ({chosen.reason}): {out}")


def _history(record: dict[str, Any]) -> History:
    """What is on record of the zone that the flags name."""
    from ce_nas.config.schema import settings_from_flags
    from ce_nas.engine.inputs import Materials

    return Materials(settings_from_flags(**record)).record


def _fitted(forecaster: str, history: History, spans: tuple[Span, Span], seed: int) -> tuple[Forecaster, datetime]:
    """The forecaster, trained if it can be, and the moment from which on it has seen nothing."""
    from ce_nas.forecast.registry import named

    if forecaster == "transformer":
        from ce_nas.forecast.train_transformer import FitSettings, fit_transformer

        return fit_transformer([history], *spans, FitSettings(seed=seed)), spans[1].end
    if forecaster == "boosting":
        from ce_nas.forecast.boosting import fit_boosting

        return fit_boosting(history, *spans), spans[1].end
    return named(forecaster), spans[0].end


def _models() -> Path:
    from ce_nas.datasets.store import Library

    return Library().root / "forecasters"


def _whole_days(length: timedelta) -> timedelta:
    return timedelta(days=length.days)


def _issued(history: History, forecaster: str, at: str | None, ahead: str) -> tuple[Past, Forecast, Choice]:
    """What was known, what is expected, and by whom.

    :raises SettingsError: if nothing was known then.
    """
    from ce_nas.core.errors import SettingsError
    from ce_nas.core.units import as_time, parse_duration_s, parse_time
    from ce_nas.forecast.registry import choose

    moment: datetime = parse_time(at) if at else history.intensity.end
    chosen, ahead_s = choose(forecaster, history.zone, _models()), parse_duration_s(ahead)
    now_s = (moment - history.intensity.zero).total_seconds()
    past = history.past(now_s, chosen.forecaster.lookback_s, ahead_s)
    if past is None or (moment - past.end).total_seconds() >= history.step_s:
        message = (
            f"Expected a moment inside the record of zone {history.zone!r}, {as_time(history.intensity.start)} to "
            f"{as_time(history.intensity.end)}, with no gap right before it; got {as_time(moment)}."
        )
        raise SettingsError(message)
    return past, chosen.forecaster.predict(past, ahead_s), chosen


def _band(forecast: Forecast, low: float, high: float, step: int) -> str:
    bands = forecast.quantiles_g_per_kwh
    if low not in bands or high not in bands:
        return "-"
    return f"{bands[low][step]:.0f} to {bands[high][step]:.0f}"


def _content(forecast: Forecast, past: Past, chosen: Choice) -> dict[str, Any]:
    return {
        "zone": past.zone,
        "forecaster": forecast.forecaster,
        "reason": chosen.reason,
        "sha256": chosen.sha256,
        "issued": past.end.isoformat(),
        "step_s": forecast.step_s,
        "mean_g_per_kwh": forecast.mean_g_per_kwh.tolist(),
        "quantiles_g_per_kwh": {
            f"{level:g}": values.tolist() for level, values in forecast.quantiles_g_per_kwh.items()
        },
    }


def _print_backtests(found: list[Backtest]) -> None:
    from ce_nas.apps.cli.tables import print_table
    from ce_nas.core.units import as_time
    from ce_nas.forecast.backtest import SHARES

    one = found[0]
    days = [f"day {number}" for number in range(1, len(one.mape_by_day_pct) + 1)]
    rows = [
        (
            each.forecaster,
            *(f"{value:.2f}" for value in each.mape_by_day_pct),
            f"{each.mape_pct:.2f}",
            f"{each.mae_g_per_kwh:.1f}",
            "-" if each.pinball_g_per_kwh is None else f"{each.pinball_g_per_kwh:.2f}",
            *("-" if (held := each.coverage(share)) is None else f"{100 * held:.1f}" for share in SHARES),
        )
        for each in found
    ]
    title = (
        f"{one.zone}: {len(one.issued)} issues from {as_time(one.issued[0])} to {as_time(one.issued[-1])}; MAPE by day "
        "of lead, %; MAE and pinball loss, g CO2eq/kWh; share inside the intervals, %"
    )
    print_table(title, ("forecaster", *days, "mean", "MAE", "pinball", "in 80 %", "in 95 %"), rows)
