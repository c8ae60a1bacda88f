"""Ablations: CE-NAS without each of its components, and with proxy scores of different quality."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError
from ce_nas.engine.inputs import RunInputs
from ce_nas.experiments.base import ENGLISH, Experiment, ExperimentReport
from ce_nas.experiments.comparison import REFERENCE_STRATEGY, compare_with_reference, comparison_table
from ce_nas.experiments.figures import draw_ratios
from ce_nas.experiments.provenance import provenance_notes
from ce_nas.experiments.strategies import CE_NAS, Strategy, get_strategy
from ce_nas.experiments.trials import build_trial

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ce_nas.experiments.base import ExperimentConfig
    from ce_nas.experiments.trials import ExperimentTrial, TrialResult
    from ce_nas.report.i18n.translator import Translator

__all__ = ["AblationExperiment", "rank_supernets"]

#: prefix of the names of variants with other proxy scores
SCORES_PREFIX = "scores:"


def rank_supernets(path: Path, flags: Mapping[str, object], count: int) -> list[tuple[str, float]]:
    """Select ``count`` supernets of a file, from the worst to the best, with their Kendall's tau with the accuracy.

    :raises CeNasError: if the file or the problem is unsuitable.
    """
    from scipy.stats import kendalltau

    from ce_nas.benchmarks.proxy_scores import read_supernet_accuracies

    table = RunInputs(settings_from_flags(**flags)).table
    accuracy = table.metric("accuracy").values
    names, scores = read_supernet_accuracies(path)
    taus = {name: float(kendalltau(column, accuracy)[0]) for name, column in zip(names, scores.T, strict=True)}
    ranked = sorted(taus, key=lambda name: taus[name])
    if count < 1:
        message = f"Expected at least one supernet, got {count}."
        raise SettingsError(message)
    chosen = np.unique(np.linspace(0, len(ranked) - 1, min(count, len(ranked))).round().astype(int))
    return [(ranked[index], taus[ranked[index]]) for index in chosen.tolist()]


class AblationExperiment(Experiment):
    """Runs CE-NAS, CE-NAS without each of its components, and vanilla LaMOO, the reference of all ratios.

    :param supernets: title in a table to other proxy scores, as ``FILE:NAME``.
    """

    name = "ablations"

    def __init__(self, config: ExperimentConfig, supernets: Mapping[str, str] | None = None) -> None:
        self._config = config
        self._variants = [
            CE_NAS,
            *_ablated_variants(),
            *(_build_scores_variant(title, scores) for title, scores in (supernets or {}).items()),
        ]

    def trials(self) -> list[ExperimentTrial]:
        """See :meth:`Experiment.trials`."""
        return [
            build_trial(strategy, self._config.flags, seed)
            for strategy in [*self._variants, get_strategy(REFERENCE_STRATEGY)]
            for seed in self._config.seeds
        ]

    def build_report(self, results: Sequence[TrialResult], translate: Translator = ENGLISH) -> ExperimentReport:
        """See :meth:`Experiment.build_report`."""
        titles = {variant.title: _variant_title(variant, translate) for variant in self._variants}
        rows = [compare_with_reference(variant.title, results, variant.name) for variant in self._variants]
        against_ce_nas = [
            compare_with_reference(variant.title, results, variant.name, CE_NAS.name) for variant in self._variants[1:]
        ]
        table = comparison_table(
            translate("exp.ablations.table"), translate("exp.ablations.variant"), rows, translate, titles
        )
        return ExperimentReport(
            title=translate("exp.ablations"),
            content={
                "experiment": self.name,
                "seeds": list(self._config.seeds),
                "against_vanilla_lamoo": [row.to_dict() for row in rows],
                "against_ce_nas": [row.to_dict() for row in against_ce_nas],
            },
            tables=[table],
            figures={
                self.name: lambda: draw_ratios(rows, "CE-NAS without its components, and with other proxy scores")
            },
            notes=[
                *provenance_notes(results, self._config.seeds, translate),
                *(_variant_note(variant, translate) for variant in self._variants[1:]),
            ],
        )


def _ablated_variants() -> list[Strategy]:
    return [
        _build_variant(
            "no-forecast",
            "without forecast",
            {"forecaster": "persistence"},
        ),
        _build_variant(
            "no-policy",
            "without policy",
            {"policy": {"name": "fixed"}},
        ),
        _build_variant(
            "no-surrogate",
            "LaMOO instead of the surrogate",
            {"searcher": {"name": "lamoo", "inner": "random"}},
        ),
        _build_variant(
            "in-lamoo-regions",
            "in LaMOO's regions",
            {"searcher": {"name": "lamoo", "inner": "surrogate"}},
        ),
        _build_variant(
            "no-proxy-scores",
            "without proxy scores",
            {"problem": {"proxy_scores": "none"}},
        ),
    ]


def _build_scores_variant(title: str, scores: str) -> Strategy:
    return _build_variant(f"{SCORES_PREFIX}{scores}", title, {"problem": {"proxy_scores": scores}})


def _variant_title(variant: Strategy, translate: Translator) -> str:
    """Return the title of a variant in a table; CE-NAS and variants with other scores keep theirs."""
    return (
        variant.title
        if variant.name == CE_NAS.name or variant.name.startswith(SCORES_PREFIX)
        else translate(f"exp.variant.{variant.name}")
    )


def _variant_note(variant: Strategy, translate: Translator) -> str:
    """Describe a variant."""
    scores = variant.name.removeprefix(SCORES_PREFIX)
    what = (
        translate(f"exp.what.{variant.name}")
        if scores == variant.name
        else translate("exp.variant.scores", scores=scores)
    )
    return translate("exp.who", title=_variant_title(variant, translate), what=what)


def _build_variant(name: str, title: str, overrides: Mapping[str, Any]) -> Strategy:
    """Return CE-NAS with some settings fixed, regardless of the user's flags."""
    flags = {"policy": "policy", "searcher": "searcher", "problem": "proxy_scores", "forecaster": "forecaster"}
    return Strategy(name, title, {**CE_NAS.settings, **overrides}, fixed_flags=tuple(flags[key] for key in overrides))
