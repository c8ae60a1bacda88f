"""Ablations: CE-NAS without each of its parts, and with cheap scores from the worst to the best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.errors import SettingsError
from ce_nas.engine.materials import Materials
from ce_nas.engine.settings import settings_from_flags
from ce_nas.experiment.basis import basis
from ce_nas.experiment.cells import cell
from ce_nas.experiment.devices import draw_ratios
from ce_nas.experiment.protocol import Experiment, Report
from ce_nas.experiment.strategies import CE_NAS, Strategy, strategy
from ce_nas.experiment.versus import REFERENCE, versus, versus_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ce_nas.experiment.cells import Cell, Finding
    from ce_nas.experiment.protocol import Scenario

__all__ = ["Ablations", "supernets_by_rank"]


def supernets_by_rank(path: Path, flags: Mapping[str, object], count: int) -> list[tuple[str, float]]:
    """So many supernets of a file, from the worst to the best, with their Kendall's tau with the accuracy.

    :raises CeNasError: if the file or the benchmark is of no use for it.
    """
    from scipy.stats import kendalltau

    from ce_nas.evaluate.scores import read_supernets

    table = Materials(settings_from_flags(**flags)).table
    accuracy = table.metric("accuracy").values
    names, scores = read_supernets(path)
    taus = {name: float(kendalltau(column, accuracy)[0]) for name, column in zip(names, scores.T, strict=True)}
    ranked = sorted(taus, key=lambda name: taus[name])
    if count < 1:
        message = f"Expected one supernet or more, got {count}."
        raise SettingsError(message)
    chosen = np.unique(np.linspace(0, len(ranked) - 1, min(count, len(ranked))).round().astype(int))
    return [(ranked[at], taus[ranked[at]]) for at in chosen.tolist()]


class Ablations(Experiment):
    """Runs CE-NAS, CE-NAS without each of its parts, and vanilla LaMOO, to which all ratios refer.

    :param supernets: cheap scores to try instead, as ``FILE:NAME``, with what a table calls each.
    """

    name = "ablations"

    def __init__(self, scenario: Scenario, supernets: Mapping[str, str] | None = None) -> None:
        self._scenario = scenario
        self._variants = [CE_NAS, *_without(), *(_scored_by(*item) for item in (supernets or {}).items())]

    def cells(self) -> list[Cell]:
        """See :meth:`Experiment.cells`."""
        return [
            cell(one, self._scenario.flags, seed)
            for one in [*self._variants, strategy(REFERENCE)]
            for seed in self._scenario.seeds
        ]

    def report(self, findings: Sequence[Finding]) -> Report:
        """See :meth:`Experiment.report`."""
        rows = [versus(one.title, findings, one.name) for one in self._variants]
        full = [versus(one.title, findings, one.name, CE_NAS.name) for one in self._variants[1:]]
        return Report(
            title="Ablations",
            content={
                "experiment": self.name,
                "seeds": list(self._scenario.seeds),
                "against_vanilla_lamoo": [one.to_dict() for one in rows],
                "against_ce_nas": [one.to_dict() for one in full],
            },
            tables=[versus_table("Against vanilla LaMOO", "variant", rows)],
            figures={self.name: draw_ratios(rows, "CE-NAS without its parts, and with other scores")},
            notes=[*basis(findings, self._scenario.seeds), *(f"{one.title}: {one.what}" for one in self._variants[1:])],
        )


def _without() -> list[Strategy]:
    return [
        _variant(
            "no-forecast",
            "without forecast",
            "The coming hour is taken to be as the last one was.",
            {"forecaster": "persistence"},
        ),
        _variant(
            "no-agent",
            "without policy",
            "Half of the devices train and half of them sample, whatever the hour.",
            {"policy": {"name": "fixed"}},
        ),
        _variant(
            "no-surrogate",
            "LaMOO in its place",
            "The partition proposes, uniformly in its regions, and the scores rank.",
            {"searcher": {"name": "lamoo", "inner": "uniform"}},
        ),
        _variant(
            "in-partition",
            "in LaMOO's regions",
            "The searcher is kept within the regions of LaMOO's partition.",
            {"searcher": {"name": "lamoo", "inner": "surrogate"}},
        ),
        _variant(
            "no-scores",
            "without cheap scores",
            "Nothing is sampled.",
            {"benchmark": {"cheap_scores": "none"}},
        ),
    ]


def _scored_by(title: str, scores: str) -> Strategy:
    return _variant(f"scores:{scores}", title, f"Cheap scores: {scores}.", {"benchmark": {"cheap_scores": scores}})


def _variant(name: str, title: str, what: str, changed: Mapping[str, Any]) -> Strategy:
    """CE-NAS with some settings changed, whatever the user's flags say of them."""
    flags = {"policy": "policy", "searcher": "searcher", "benchmark": "cheap_scores", "forecaster": "forecaster"}
    return Strategy(name, title, what, {**CE_NAS.settings, **changed}, owns=tuple(flags[key] for key in changed))
