"""What an experiment's figures rest on, for its report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ce_nas import __version__
from ce_nas.core.units import as_duration
from ce_nas.experiments.base import ENGLISH
from ce_nas.experiments.strategies import strategy_sentences, strategy_titles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.analysis.summary import Summary
    from ce_nas.experiments.trials import Finding
    from ce_nas.report.i18n.words import Words

__all__ = ["basis", "facts_of"]

#: of a fact that differs between the runs, so many values are told
TOLD = 4


def facts_of(summary: Summary, begun: Mapping[str, Any]) -> dict[str, str]:
    """What a run rests on, from its summary and the first entry of its journal; a sentence's end each."""
    benchmark, grid, settings = summary.benchmark, summary.grid, begun["settings"]
    objectives = " and ".join(
        f"{item['name']} (reference {item['reference']:g} {item['unit']})".replace(" )", ")")
        for item in summary.objectives
    )
    kind = ", a synthetic typical year whose days swing 5 to 19 % wider than real ones" if grid["synthetic"] else ""
    return {
        "Benchmark": f"{benchmark['name']}, from {benchmark['origin']}",
        "Objectives": objectives,
        "Cheap scores": benchmark["cheap_scores"],
        "Grid": f"zone {grid['zone']}, {grid['origin']}{kind}; {grid['factors']} factors, {grid['signal']} signal",
        "Start": f"{begun['start'][:16].replace('T', ' ')} UTC",
        "Devices": f"{summary.gpus} for {as_duration(_seconds(settings['budget']['time']))} at most",
        "Power": f"{begun['power']}; PUE {settings['cluster']['pue']:g}",
    }


def basis(findings: Sequence[Finding], seeds: Sequence[int], words: Words = ENGLISH) -> list[str]:
    """A sentence a fact; where the runs differ in one, its values, in the words of their journals."""
    names = [one.labels["strategy"] for one in findings]
    sentences = [
        words("exp.runs", count=len(findings), strategies=strategy_titles(names), seeds=_spans(seeds, words)),
        *strategy_sentences(names, words),
    ]
    for fact in findings[0].facts:
        values = list(dict.fromkeys(one.facts[fact] for one in findings))
        more = words("exp.fact.more", count=len(values) - TOLD) if len(values) > TOLD else ""
        name = words(f"exp.fact.{fact.lower().replace(' ', '_')}")
        sentences.append(words("exp.fact", name=name, values=f"{' | '.join(values[:TOLD])}{more}"))
    return [*sentences, f"ce-nas {__version__}."]


def _seconds(text: str) -> float:
    return float(text.removesuffix(" s"))


def _spans(seeds: Sequence[int], words: Words) -> str:
    ordered = sorted(seeds)
    if len(ordered) > 1 and ordered == list(range(ordered[0], ordered[-1] + 1)):
        return words("exp.seeds", first=ordered[0], last=ordered[-1])
    return ", ".join(map(str, ordered))
