"""``ce-nas forecast``: fit a forecaster, predict with it, backtest it, plot its forecast."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ce_nas.apps.cli.shared_options import (
    JsonOption,
    QuietOption,
    check_file,
    make_folders,
    with_grid_flags,
    write_json,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ce_nas.core.records import Forecast
    from ce_nas.forecast.backtest import BacktestResult
    from ce_nas.forecast.base import Forecaster, ForecastInput
    from ce_nas.forecast.dataset import Span
    from ce_nas.forecast.forecaster_selection import SelectedForecaster
    from ce_nas.forecast.history import RecordedHistory

__all__ = ["app"]

app = typer.Typer(help="Forecasts of the grid's carbon intensity: fit, predict, backtest, plot.", no_args_is_help=True)

KindOption = Annotated[str, typer.Option(help="transformer, boosting, or a forecaster that is only calibrated.")]
ForecasterOption = Annotated[str, typer.Option(help="A name, a fitted model's FILE.json, or auto.")]
ForecastersOption = Annotated[
    list[str],
    typer.Option(
        help="A name, a fitted model's FILE.json, or auto; may be repeated.",
        default_factory=lambda: ["auto"],
        show_default="auto",
    ),
]
IssueTimeOption = Annotated[str | None, typer.Option(help="Issue time, UTC; the end of the data by default.")]
HorizonOption = Annotated[str, typer.Option("--horizon", "--ahead", help="Horizon of the forecast.")]
FirstIssueOption = Annotated[
    str | None, typer.Option(help="First issue time, UTC; the last quarter of the data by default.")
]
LastIssueOption = Annotated[str | None, typer.Option(help="Last issue time, UTC.", show_default=False)]
IssueIntervalOption = Annotated[str, typer.Option(help="Time between two issues.")]
UntilOption = Annotated[str | None, typer.Option(help="End of the training data, UTC; the end of the data by default.")]
SeedOption = Annotated[int, typer.Option(help="Seed of the training.")]
ModelOption = Annotated[Path | None, typer.Option(help="File of the model.  [default: in the user's data folder]")]
FigureOption = Annotated[Path, typer.Option("--out", help="PNG file to write.", callback=check_file)]
CalibrateOption = Annotated[
    bool,
    typer.Option(
        "--calibrate",
        help="Calibrate all quantiles on the weeks before each issue, not only those of forecasters without.",
    ),
]

#: smallest weight of a part that is shown
MIN_SHOWN_SHARE = 0.005
#: longest horizon whose forecast is shown hour by hour; longer ones in rows of six hours
HOURLY_ROWS_S = 24 * 3600.0
#: ends of the training and validation spans as shares of the data; the rest calibrates the model
TRAIN_END_SHARE, VALIDATION_END_SHARE = 0.6, 0.8


@app.command("fit")
@with_grid_flags
def fit(  # noqa: PLR0913 - one parameter per option
    *,
    forecaster: KindOption = "transformer",
    until: UntilOption = None,
    out: ModelOption = None,
    seed: SeedOption = 0,
    json: JsonOption = None,
    quiet: QuietOption = False,
    **grid_flags: Any,  # noqa: ANN401 - settings of the grid
) -> None:
    """Fit a forecaster to a zone, and calibrate its intervals on hours that it was not trained on.

    Progress is written to standard error; an interrupted fit writes no model.
    """
    from ce_nas.core.formatting import format_time
    from ce_nas.core.units import parse_time
    from ce_nas.forecast.backtest import IssueTimes
    from ce_nas.forecast.conformal import calibrate_quantiles
    from ce_nas.forecast.dataset import Span
    from ce_nas.forecast.forecaster_selection import model_path, save_forecaster

    history = _load_history(grid_flags)
    start = history.intensity.start
    end = min(parse_time(until), history.intensity.end) if until else history.intensity.end
    training_end, validation_end = (
        start + _floor_to_days((end - start) * share) for share in (TRAIN_END_SHARE, VALIDATION_END_SHARE)
    )
    spans = (Span(start, training_end), Span(training_end, validation_end))
    show = _ignore if quiet else _show_progress
    model, calibration_start = _fit_forecaster(forecaster, history, spans, seed, show)
    show(f"calibrating the intervals of {model.name} from {format_time(calibration_start)} on")
    table = calibrate_quantiles(model, history, IssueTimes(calibration_start, end - timedelta(hours=96)))
    provenance = {"zone": history.zone, "calibrated_from": format_time(calibration_start), "until": format_time(end)}
    path = save_forecaster(out or model_path(_models_folder(), history.zone), model, table, provenance)
    write_json(json, {"model": str(path), "forecaster": model.name, "calibrated_on_issues": table.issues, **provenance})
    if not quiet:
        typer.echo(
            f"{model.name} for zone {history.zone}, calibrated on {table.issues} issues from "
            f"{format_time(calibration_start)} to {format_time(end)}: {path}"
        )


@app.command("predict")
@with_grid_flags
def predict(
    *,
    forecaster: ForecasterOption = "auto",
    issue_time: IssueTimeOption = None,
    horizon: HorizonOption = "96h",
    json: JsonOption = None,
    quiet: QuietOption = False,
    **grid_flags: Any,  # noqa: ANN401 - settings of the grid
) -> None:
    """Show a forecast of the next hours with its intervals."""
    from ce_nas.apps.cli.tables import print_table
    from ce_nas.core.formatting import format_time
    from ce_nas.core.units import HOUR_S

    history = _load_history(grid_flags)
    past, forecast, selected = _issue_forecast(history, forecaster, issue_time, horizon)
    write_json(json, _forecast_content(forecast, past, selected))
    if quiet:
        return
    row_h = 1 if len(forecast.mean_g_per_kwh) * forecast.step_s <= HOURLY_ROWS_S else 6
    steps = max(round(row_h * HOUR_S / forecast.step_s), 1)
    rows = [
        (
            format_time(past.end + timedelta(seconds=first * forecast.step_s)),
            f"{forecast.mean_g_per_kwh[first : first + steps].mean():.0f}",
            *(
                _format_band(forecast, low, high, slice(first, first + steps))
                for low, high in ((0.1, 0.9), (0.025, 0.975))
            ),
        )
        for first in range(0, len(forecast.mean_g_per_kwh), steps)
    ]
    typer.echo(f"{past.zone}, by {forecast.forecaster}: {selected.reason}")
    for line in _describe_acting(forecast):
        typer.echo(line)
    mean = f"mean of {row_h} h" if steps * forecast.step_s == row_h * HOUR_S else "mean"
    print_table("g CO2eq/kWh", ("from", mean, "80 % interval", "95 % interval"), rows)


@app.command("backtest")
@with_grid_flags
def backtest(  # noqa: PLR0913 - one parameter per option
    *,
    forecaster: ForecastersOption,
    first_issue: FirstIssueOption = None,
    last_issue: LastIssueOption = None,
    issue_interval: IssueIntervalOption = "24h",
    horizon: HorizonOption = "96h",
    calibrate: CalibrateOption = False,
    json: JsonOption = None,
    quiet: QuietOption = False,
    **grid_flags: Any,  # noqa: ANN401 - settings of the grid
) -> None:
    """Issue forecasts over the data of a zone, and show their errors and the coverage of their intervals."""
    from threadpoolctl import threadpool_limits

    from ce_nas.core.units import parse_duration_s, parse_time
    from ce_nas.forecast.backtest import IssueTimes, run_backtest
    from ce_nas.forecast.conformal import CalibratedForecaster
    from ce_nas.forecast.forecaster_selection import select_forecaster

    history, horizon_s = _load_history(grid_flags), parse_duration_s(horizon)
    start, end = history.intensity.start, history.intensity.end
    first = parse_time(first_issue) if first_issue else start + _floor_to_days((end - start) * 0.75)
    last = parse_time(last_issue) if last_issue else end - timedelta(seconds=horizon_s)
    issue_times = IssueTimes(first, last, parse_duration_s(issue_interval), horizon_s)
    backtests = []
    with threadpool_limits(limits=1):  # the matrices are small: threads would only wait for one another
        for name in forecaster:
            selected = select_forecaster(name, history.zone, _models_folder(), first).forecaster
            if not calibrate and (result := run_backtest(selected, history, issue_times)).quantiles:
                backtests.append(result)
            else:
                backtests.append(run_backtest(CalibratedForecaster(selected), history, issue_times))
    write_json(json, [backtest.to_json() for backtest in backtests])
    if not quiet:
        _print_backtests(backtests)


@app.command("plot")
@with_grid_flags
def plot(  # noqa: PLR0913 - one parameter per option
    *,
    forecaster: ForecasterOption = "auto",
    issue_time: IssueTimeOption = None,
    horizon: HorizonOption = "96h",
    out: FigureOption = Path("forecast.png"),
    json: JsonOption = None,
    quiet: QuietOption = False,
    **grid_flags: Any,  # noqa: ANN401 - settings of the grid
) -> None:
    """Draw a forecast with its bands after the week before it, with the true values where they are known."""
    from ce_nas.core.units import DAY_S
    from ce_nas.report.plotting.forecast import draw_forecast
    from ce_nas.report.plotting.plots_extra import require_plots
    from ce_nas.store.run_dir import write_atomic

    require_plots("Drawing a forecast")
    history = _load_history(grid_flags)
    past, forecast, selected = _issue_forecast(history, forecaster, issue_time, horizon)
    truth = history.truth(past.end_s, len(forecast.mean_g_per_kwh))
    week = past.intensity_g_per_kwh[-round(7 * DAY_S / past.step_s) :]
    with make_folders(out):
        write_atomic(out, draw_forecast(forecast, past.end, past.zone, week, truth))
    content = _forecast_content(forecast, past, selected)
    content["truth_g_per_kwh"] = [None if math.isnan(value) else value for value in truth.tolist()]
    write_json(json, {"figure": str(out), **content})
    if not quiet:
        typer.echo(f"{forecast.forecaster} ({selected.reason}): {out}")


def _load_history(grid_flags: dict[str, Any]) -> RecordedHistory:
    """The recorded data of the zone of the flags."""
    from ce_nas.config.schema import settings_from_flags
    from ce_nas.engine.inputs import RunInputs

    return RunInputs(settings_from_flags(**grid_flags)).full_history


def _fit_forecaster(
    forecaster: str, history: RecordedHistory, spans: tuple[Span, Span], seed: int, show: Callable[[str], None]
) -> tuple[Forecaster, datetime]:
    """The forecaster, fitted if it can be, and the end of the data that it has seen."""
    from ce_nas.forecast.forecaster_selection import create_forecaster

    if forecaster == "transformer":
        from ce_nas.forecast.train_transformer import FitProgress, TransformerFitSettings, fit_transformer

        settings = TransformerFitSettings(seed=seed)

        def report(progress: FitProgress) -> None:
            show(
                f"validation {progress.validation_index + 1} of {settings.max_validations} at most: "
                f"loss {progress.validation_loss:.4f}, in training {progress.training_loss:.4f}"
            )

        show(f"fitting the transformer to {history.zone}: building windows")
        return fit_transformer([history], *spans, settings, report), spans[1].end
    if forecaster == "boosting":
        from ce_nas.forecast.boosting import fit_boosting

        show(f"fitting trees to {history.zone}")
        return fit_boosting(history, *spans), spans[1].end
    return create_forecaster(forecaster), spans[0].end


def _show_progress(line: str) -> None:
    typer.echo(line, err=True)


def _ignore(_: str) -> None:
    pass


def _models_folder() -> Path:
    from ce_nas.datasets.store import DataStore

    return DataStore().root / "forecasters"


def _floor_to_days(length: timedelta) -> timedelta:
    return timedelta(days=length.days)


def _issue_forecast(
    history: RecordedHistory, forecaster: str, issue_time: str | None, horizon: str
) -> tuple[ForecastInput, Forecast, SelectedForecaster]:
    """The input of the forecast, the forecast, and the forecaster.

    :raises SettingsError: if there is no data right before the issue time.
    """
    from threadpoolctl import threadpool_limits

    from ce_nas.core.errors import SettingsError
    from ce_nas.core.formatting import format_time
    from ce_nas.core.units import parse_duration_s, parse_time
    from ce_nas.forecast.conformal import CalibratedForecaster
    from ce_nas.forecast.forecaster_selection import select_forecaster

    issued_at: datetime = parse_time(issue_time) if issue_time else history.intensity.end
    horizon_s = parse_duration_s(horizon)
    selected = select_forecaster(forecaster, history.zone, _models_folder(), issued_at)
    now_s = (issued_at - history.intensity.reference_time).total_seconds()
    past = history.inputs_at(now_s, selected.forecaster.lookback_s, horizon_s)
    if past is None or (issued_at - past.end).total_seconds() >= history.step_s:
        message = (
            f"Expected an issue time within the data of zone {history.zone!r}, "
            f"{format_time(history.intensity.start)} to {format_time(history.intensity.end)}, with no gap right "
            f"before it; got {format_time(issued_at)}."
        )
        raise SettingsError(message)
    with threadpool_limits(limits=1):  # as in a backtest
        forecast = selected.forecaster.predict(past, horizon_s)
        if not forecast.quantiles_g_per_kwh:
            calibrated = CalibratedForecaster(selected.forecaster)
            longer = history.inputs_at(now_s, calibrated.lookback_s, horizon_s)
            forecast = calibrated.predict(longer or past, horizon_s)
    return past, forecast, selected


def _describe_acting(forecast: Forecast) -> Iterator[str]:
    """Say which parts of an ensemble acted, how large its latest errors were, and which fallback acted."""
    if forecast.members:
        shares = (f"{name} {100 * share:.0f} %" for name, share in forecast.members.items() if share >= MIN_SHOWN_SHARE)
        yield f"weights: {', '.join(shares)}"
    if forecast.rolling_error_pct is not None:
        yield f"mean error of its latest forecasts: {forecast.rolling_error_pct:.1f} %"
    if forecast.fallback:
        yield f"stands in: {forecast.fallback}"


def _format_band(forecast: Forecast, low: float, high: float, steps: slice) -> str:
    bands = forecast.quantiles_g_per_kwh
    if low not in bands or high not in bands:
        return "-"
    return f"{bands[low][steps].mean():.0f} to {bands[high][steps].mean():.0f}"


def _forecast_content(forecast: Forecast, past: ForecastInput, choice: SelectedForecaster) -> dict[str, Any]:
    return {
        "zone": past.zone,
        "forecaster": forecast.forecaster,
        "reason": choice.reason,
        "sha256": choice.sha256,
        "weights": dict(forecast.members),
        "error_pct": forecast.rolling_error_pct,
        "fallback": forecast.fallback or None,
        "issued": past.end.isoformat(),
        "step_s": forecast.step_s,
        "mean_g_per_kwh": forecast.mean_g_per_kwh.tolist(),
        "quantiles_g_per_kwh": {
            f"{level:g}": values.tolist() for level, values in forecast.quantiles_g_per_kwh.items()
        },
    }


def _print_backtests(backtests: list[BacktestResult]) -> None:
    from ce_nas.apps.cli.tables import print_table
    from ce_nas.core.formatting import format_time
    from ce_nas.forecast.backtest import INTERVAL_COVERAGES

    first = backtests[0]
    days = [f"day {number}" for number in range(1, len(first.mape_by_day_pct) + 1)]
    rows = [
        (
            result.forecaster,
            *(f"{value:.2f}" for value in result.mape_by_day_pct),
            f"{result.mape_pct:.2f}",
            f"{result.mae_g_per_kwh:.1f}",
            "-" if result.pinball_g_per_kwh is None else f"{result.pinball_g_per_kwh:.2f}",
            *(
                "-" if (coverage := result.coverage(share)) is None else f"{100 * coverage:.1f}"
                for share in INTERVAL_COVERAGES
            ),
        )
        for result in backtests
    ]
    title = (
        f"{first.zone}: {len(first.issue_times)} issues from {format_time(first.issue_times[0])} to "
        f"{format_time(first.issue_times[-1])}; MAPE by day of lead, %; MAE and pinball loss, g CO2eq/kWh; coverage of "
        "the intervals, %"
    )
    print_table(title, ("forecaster", *days, "mean", "MAE", "pinball", "in 80 %", "in 95 %"), rows)
