"""From the front of a finished search to a trained, tested and exported network, resumable at any moment.

All of it is in the folder ``network`` of the run: the checkpoint, the record of the energy, the exported files, and the
card, whose presence marks the end.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas._version import __version__
from ce_nas.analysis.front_choice import choose
from ce_nas.analysis.statistics import Interval
from ce_nas.core.errors import SettingsError
from ce_nas.core.rng import random_stream
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.energy.ledger import Ledger
from ce_nas.energy.power_model import PowerModel
from ce_nas.forecast.base import FORECAST_HORIZON_S, PAST_WINDOW_S
from ce_nas.report.front import explain_choice
from ce_nas.report.i18n.translator import Translator
from ce_nas.report.model_card import NetworkCard, render_model_card
from ce_nas.store.run_dir import write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ce_nas.analysis.summary import RunSummary
    from ce_nas.engine.inputs import RunInputs
    from ce_nas.grid.trace import Series
    from ce_nas.store.journal import JournalEntry
    from ce_nas.training.final_training import FinalTraining, FinalTrainingConfig

__all__ = ["NETWORK_DIRNAME", "estimate_training_s", "finish_network", "read_network_card"]

NETWORK_DIRNAME = "network"
CARD_FILENAME = "card.json"
DAY_HOURS = round(DAY_S / HOUR_S)
#: random networks whose sizes stand for the space in an estimate
_ESTIMATE_NETWORKS = 100
#: activities that have a stage of their own
_STAGES = ("sampling", "supernet", "training")


def read_network_card(run: Path) -> NetworkCard | None:
    """The card of the network of the run in ``run``; None if none is finished."""
    path = run / NETWORK_DIRNAME / CARD_FILENAME
    if not path.exists():
        return None
    content = json.loads(path.read_text())
    return NetworkCard(**{**content, "image_shape": tuple(content["image_shape"])})


def finish_network(
    inputs: RunInputs,
    summary: RunSummary,
    entries: Sequence[JournalEntry],
    run: Path,
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
) -> NetworkCard:
    """Choose, train, test and export the network that the settings ask for, or continue to.

    :param inputs: those of the search, which has ended.
    :param entries: the search's journal.
    :param run: the run folder.
    :param on_step: called with the completed and all steps of the training.
    :raises CeNasError: if the search found nothing, or a file cannot be read or written.
    """
    if (card := read_network_card(run)) is not None:
        return card
    from ce_nas.training.export import export_network
    from ce_nas.training.networks.factory import network_image_shape

    final = inputs.settings.final
    choice = choose(summary, final.rule)
    config = _training_config(inputs, choice.member.architecture)
    folder = run / NETWORK_DIRNAME
    folder.mkdir(exist_ok=True)
    training = _final_training(inputs, config, folder, start_s=entries[-1].at_s if entries else 0.0)
    metrics = training.run(on_step, _dirty_hours(inputs, final.cleanest_share))
    stages = _sum_stages(inputs, summary, training)
    shape = network_image_shape(training.data, config.recipe)
    files = export_network(
        training.trainer.network,
        folder,
        final.formats,
        image_shape=shape,
        mean=training.data.mean,
        std=training.data.std,
        title=f"The network that run {run.name} found: {config.space.name} for {training.data.name}.",
    )
    card = NetworkCard(
        architecture=choice.member.architecture,
        space=config.space.name,
        reason=explain_choice(choice, summary, Translator("en")).replace("`", ""),
        data=training.data.name,
        test_images=len(training.data.test),
        test_accuracy_pct=metrics.accuracy_pct,
        image_shape=shape,
        **_measure_network(training, config, shape),
        **stages,
        zone=inputs.zone,
        run=run.name,
        seed=config.seed,
        recipe={name: value for name, value in asdict(config.recipe).items() if value is not None},
        channels=config.channels,
        cells=config.cells,
        version=__version__,
        files=[path.name for path in files],
    )
    write_atomic(folder / "card.md", render_model_card(card))
    write_atomic(folder / CARD_FILENAME, json.dumps(asdict(card), indent=2) + "\n")
    return card


def _training_config(inputs: RunInputs, architecture: str) -> FinalTrainingConfig:
    """What is trained and how: as [final] says, and where it does not, as the search trained."""
    from ce_nas.engine.live_inputs import training_recipe
    from ce_nas.training.final_training import FinalTrainingConfig

    settings, space = inputs.settings, inputs.benchmark.space
    final, live = settings.final, settings.live
    return FinalTrainingConfig(
        space,
        space.parse(architecture),
        live.data,
        channels=final.channels or live.channels,
        cells=final.cells or live.cells,
        recipe=replace(final.recipe or training_recipe(settings), whitening=0),
        seed=settings.seed,
        devices=final.devices or ((live.devices[0].partition("+")[0],) if live.devices else ("cpu",)),
    )


def _final_training(inputs: RunInputs, config: FinalTrainingConfig, folder: Path, *, start_s: float) -> FinalTraining:
    """The training, which continues from the checkpoint in ``folder``.

    :param start_s: its start, s since the start of the run.
    """
    from ce_nas.training.final_training import FinalTraining

    settings = inputs.settings
    power = PowerModel(settings.cluster.training_w)
    return FinalTraining(config, folder, power, start_s=start_s, time_scale=settings.live.time_scale)


def _measure_network(
    training: FinalTraining, config: FinalTrainingConfig, image_shape: tuple[int, int, int]
) -> dict[str, Any]:
    """The card's size and latency of the trained network."""
    from ce_nas.training.latency import measure_latency
    from ce_nas.training.networks.network_counts import NetworkCounter

    latency = measure_latency(training.trainer.network, image_shape, device=config.devices[0], passes=30)
    counter = NetworkCounter(config.space, config.channels, config.cells, image_shape, training.data.classes)
    parameters, macs = counter.counts([config.architecture])[0]
    return {
        "parameters": int(parameters),
        "macs": int(macs),
        "latency_ms": 1e3 * latency.median_s,
        "latency_device": latency.device,
        "latency_busy_share": latency.busy_share,
    }


def _sum_stages(inputs: RunInputs, summary: RunSummary, training: FinalTraining) -> dict[str, Any]:
    """The card's carbon and energy of the search and of the final training.

    :raises SettingsError: if the grid is live: then no trace covers the training.
    """
    settings = inputs.settings
    ledger = Ledger(_intensity(inputs), settings.cluster.pue, inputs.prices, settings.live.time_scale)
    ledger.record(training.readings)
    totals = ledger.totals
    return {
        "carbon_g": {**_by_stage(summary.carbon_g_by_activity), "final": totals.total_carbon_g},
        "energy_j": {**_by_stage(summary.energy_j_by_activity), "final": totals.total_energy_j},
        "energy_sources": sorted(str(source) for source in totals.energy_by_source_j),
    }


def estimate_training_s(inputs: RunInputs) -> tuple[Interval, float | None]:
    """Seconds of the final training on its devices, before the search, from a few steps of the space's median network.

    The interval is that of eight networks in ten of the space, by their multiply-accumulates; the low end has the
    pace of the quickest steps. Also returned is the processor time per second of the steps, None on a GPU.

    :raises CeNasError: if the images cannot be read.
    """
    from ce_nas.training.final_training import measure_training_time

    space = inputs.benchmark.space
    networks = space.sample(random_stream(inputs.settings.seed, "final-estimate"), _ESTIMATE_NETWORKS)
    macs = inputs.benchmark.training_free_values("flops", networks)
    low, middle, high = np.quantile(macs, (0.1, 0.5, 0.9))
    median = networks[int(np.argmin(np.abs(macs - middle)))]
    time = measure_training_time(_training_config(inputs, space.text(median)))
    low_s, high_s = time.undisturbed_s * float(low / middle), time.duration_s * float(high / middle)
    return Interval(time.duration_s, low_s, high_s), time.processor_share


def _dirty_hours(inputs: RunInputs, cleanest_share: float | None) -> Callable[[float], bool]:
    """Whether an hour of the run is not among the cleanest of the next 24, by the forecast made in it."""
    if cleanest_share is None:
        return lambda _now_s: False
    forecaster = inputs.choose_forecaster().forecaster
    lookback_s = max(PAST_WINDOW_S, forecaster.lookback_s)

    def is_dirty(now_s: float) -> bool:
        past = inputs.history.inputs_at(now_s, lookback_s, FORECAST_HORIZON_S)
        if past is None:
            return False
        ahead = forecaster.predict(past, FORECAST_HORIZON_S).resample(now_s, HOUR_S, DAY_HOURS)
        return bool(ahead[0] > np.quantile(ahead, cleanest_share))

    return is_dirty


def _by_stage(by_activity: dict[str, float]) -> dict[str, float]:
    """Sums by stage."""
    stages = {name: by_activity.get(name, 0.0) for name in _STAGES}
    return {**stages, "other": sum(by_activity.values()) - sum(stages.values())}


def _intensity(inputs: RunInputs) -> Series:
    """The true intensity of the run's grid.

    :raises SettingsError: if the grid is live: then no trace covers the training.
    """
    if inputs.provider:
        message = (
            "Expected a trace or a built-in zone for [final], got a live grid: search with --provider, and train the "
            "network with a run of its own."
        )
        raise SettingsError(message)
    return inputs.trace.relative_to(inputs.start)
