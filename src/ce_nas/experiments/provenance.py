"""Data sources and assumptions of an experiment, for its report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ce_nas._version import __version__
from ce_nas.core.formatting import format_duration
from ce_nas.experiments.strategies import describe_strategies, list_strategy_titles
from ce_nas.report.i18n.translator import Translator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.analysis.summary import RunSummary

__all__ = ["ENGLISH", "describe_provenance", "provenance_notes"]

#: default language of reports
ENGLISH = Translator("en")

#: for a fact that differs between the runs
MAX_VALUES_SHOWN = 4


class _WithProvenance(Protocol):
    """The result of a trial, as far as its provenance goes."""

    @property
    def provenance(self) -> Mapping[str, str]:
        """Facts of the run, by name."""

    @property
    def labels(self) -> Mapping[str, str]:
        """What the trial varies, by name."""


def describe_provenance(summary: RunSummary, start_record: Mapping[str, Any]) -> dict[str, str]:
    """Describe the data sources of a run, from its summary and the first entry of its journal."""
    benchmark, grid, settings = summary.benchmark, summary.grid, start_record["settings"]
    objectives = " and ".join(
        f"{one['name']} (reference {one['reference']:g} {one['unit']})".replace(" )", ")") for one in summary.objectives
    )
    kind = ", a synthetic typical year with 5 to 19 % more daily variation than in reality" if grid["synthetic"] else ""
    return {
        "Benchmark": f"{benchmark['name']}, from {benchmark['origin']}",
        "Objectives": objectives,
        "Proxy scores": benchmark["proxy_scores"],
        "Grid": f"zone {grid['zone']}, {grid['origin']}{kind}; {grid['factors']} factors, {grid['signal']} signal",
        "Start": f"{start_record['start'][:16].replace('T', ' ')} UTC",
        "Devices": f"{summary.gpus} for {format_duration(_parse_seconds(settings['budget']['hours']))} at most",
        "Power": f"{start_record['power_origin']}; PUE {settings['cluster']['pue']:g}",
    }


def provenance_notes(
    results: Sequence[_WithProvenance], seeds: Sequence[int], translate: Translator = ENGLISH
) -> list[str]:
    """Describe runs, strategies and data sources, a sentence each; for a fact that differs, list its values."""
    names = [result.labels["strategy"] for result in results]
    sentences = [
        translate(
            "exp.runs",
            count=len(results),
            strategies=list_strategy_titles(names),
            seeds=_format_seeds(seeds, translate),
        ),
        *describe_strategies(names, translate),
    ]
    for fact in results[0].provenance:
        values = list(dict.fromkeys(result.provenance[fact] for result in results))
        more = (
            translate("exp.fact.more", count=len(values) - MAX_VALUES_SHOWN) if len(values) > MAX_VALUES_SHOWN else ""
        )
        name = translate(f"exp.fact.{fact.lower().replace(' ', '_')}")
        sentences.append(translate("exp.fact", name=name, values=f"{' | '.join(values[:MAX_VALUES_SHOWN])}{more}"))
    return [*sentences, f"ce-nas {__version__}."]


def _parse_seconds(text: str) -> float:
    return float(text.removesuffix(" s"))


def _format_seeds(seeds: Sequence[int], translate: Translator) -> str:
    ordered = sorted(seeds)
    if len(ordered) > 1 and ordered == list(range(ordered[0], ordered[-1] + 1)):
        return translate("exp.seeds", first=ordered[0], last=ordered[-1])
    return ", ".join(map(str, ordered))
