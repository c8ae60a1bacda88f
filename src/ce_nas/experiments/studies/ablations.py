"""Ablations: CE-NAS without each of its parts, and with cheap scores from the worst to the best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError
from ce_nas.engine.inputs import Materials
from ce_nas.experiments.base import ENGLISH, Experiment, Report
from ce_nas.experiments.comparison import REFERENCE, versus, versus_table
from ce_nas.experiments.provenance import basis
from ce_nas.experiments.strategies import CE_NAS, Strategy, strategy
from ce_nas.experiments.studies.devices import draw_ratios
from ce_nas.experiments.trials import cell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ce_nas.experiments.base import Scenario
    from ce_nas.experiments.trials import Cell, Finding
    from ce_nas.report.i18n.words import Words

__all__ = ["Ablations", "supernets_by_rank"]

#: how the names of variants begin that differ by their cheap scores
SCORES = "scores:"


def supernets_by_rank(path: Path, flags: Mapping[str, object], count: int) -> list[tuple[str, float]]:
    """So many supernets of a file, from the worst to the best, with their Kendall's tau with the accuracy.

    :raises CeNasError: if the file or the benchmark is of no use for it.
    """
    from scipy.stats import kendalltau

    from ce_nas.benchmarks.proxy_scores import read_supernets

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

    def report(self, findings: Sequence[Finding], words: Words = ENGLISH) -> Report:
        """See :meth:`Experiment.report`."""
        shown = {one.title: _title(one, words) for one in self._variants}
        rows = [versus(one.title, findings, one.name) for one in self._variants]
        full = [versus(one.title, findings, one.name, CE_NAS.name) for one in self._variants[1:]]
        return Report(
            title=words("exp.ablations"),
            content={
                "experiment": self.name,
                "seeds": list(self._scenario.seeds),
                "against_vanilla_lamoo": [one.to_dict() for one in rows],
                "against_ce_nas": [one.to_dict() for one in full],
            },
            tables=[versus_table(words("exp.ablations.table"), words("exp.ablations.variant"), rows, words, shown)],
            figures={self.name: draw_ratios(rows, "CE-NAS without its parts, and with other scores")},
            notes=[*basis(findings, self._scenario.seeds, words), *(_told(one, words) for one in self._variants[1:])],
        )


def _without() -> list[Strategy]:
    return [
        _variant(
            "no-forecast",
            "without forecast",
            {"forecaster": "persistence"},
        ),
        _variant(
            "no-agent",
            "without policy",
            {"policy": {"name": "fixed"}},
        ),
        _variant(
            "no-surrogate",
            "LaMOO in its place",
            {"searcher": {"name": "lamoo", "inner": "uniform"}},
        ),
        _variant(
            "in-partition",
            "in LaMOO's regions",
            {"searcher": {"name": "lamoo", "inner": "surrogate"}},
        ),
        _variant(
            "no-scores",
            "without cheap scores",
            {"benchmark": {"cheap_scores": "none"}},
        ),
    ]


def _scored_by(title: str, scores: str) -> Strategy:
    return _variant(f"{SCORES}{scores}", title, {"benchmark": {"cheap_scores": scores}})


def _title(one: Strategy, words: Words) -> str:
    """What a table calls a variant; CE-NAS and other scores have names of their own."""
    return one.title if one.name == CE_NAS.name or one.name.startswith(SCORES) else words(f"exp.variant.{one.name}")


def _told(one: Strategy, words: Words) -> str:
    """What a variant is."""
    scores = one.name.removeprefix(SCORES)
    what = words(f"exp.what.{one.name}") if scores == one.name else words("exp.variant.scores", scores=scores)
    return words("exp.who", title=_title(one, words), what=what)


def _variant(name: str, title: str, changed: Mapping[str, Any]) -> Strategy:
    """CE-NAS with some settings changed, whatever the user's flags say of them."""
    flags = {"policy": "policy", "searcher": "searcher", "benchmark": "cheap_scores", "forecaster": "forecaster"}
    return Strategy(name, title, {**CE_NAS.settings, **changed}, owns=tuple(flags[key] for key in changed))
