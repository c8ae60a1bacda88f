"""Pages that explain a run: its candidates and partition, one region, one architecture, or one decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ce_nas.analysis.explanation import explain_architecture, explain_hour, explain_region, explain_run
from ce_nas.analysis.summary import run_header
from ce_nas.analysis.surrogate_explanation import explain_choice_of_surrogate
from ce_nas.core.formatting import format_carbon, format_percentage
from ce_nas.core.units import HOUR_S
from ce_nas.report.page import ReportPage, ReportSection, ReportTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ce_nas.analysis.explanation import (
        AlternativeAllocation,
        ArchitectureEvent,
        CandidateCounts,
        EventKind,
        HourExplanation,
    )
    from ce_nas.analysis.partition_rules import ArchitecturePredicate, PartitionSplit
    from ce_nas.analysis.surrogate_explanation import Prediction
    from ce_nas.core.records import Architecture
    from ce_nas.report.i18n.translator import Translator
    from ce_nas.space.base import Space
    from ce_nas.store.journal import JournalEntry

__all__ = [
    "build_architecture_page",
    "build_hour_page",
    "build_region_page",
    "build_run_page",
    "describe_predicate",
]

#: kind of event to the key of its text
EVENT_KEYS: dict[EventKind, str] = {
    "scored": "why.was_scored",
    "measured": "why.was_measured",
    "dropped": "why.was_dropped",
    "training_started": "why.began",
    "failed": "why.failed",
    "stopped_early": "why.stopped_early",
    "trained": "why.was_trained",
    "infeasible": "why.infeasible",
    "dominated": "why.beaten",
    "on_front": "why.on_front",
    "queued_at_end": "why.still_waiting",
}


def build_run_page(entries: Sequence[JournalEntry], space: Space, translate: Translator) -> ReportPage:
    """Build the page about all candidates of a run and the splits of its space."""
    explanation = explain_run(entries, space)
    sections = [_candidates_section(explanation.candidates, translate)]
    if explanation.splits is not None:
        sections += _split_sections(explanation.splits, translate)
    return ReportPage(translate("why.run.title"), translate("why.run.lead"), sections, translate)


def build_region_page(entries: Sequence[JournalEntry], space: Space, region: str, translate: Translator) -> ReportPage:
    """Build the page about one region of the partition.

    :raises SettingsError: if there is no such region.
    """
    sections = _split_sections([explain_region(entries, space, region)], translate)
    return ReportPage(translate("why.region.title", region=region), translate("why.region.lead"), sections, translate)


def build_architecture_page(
    entries: Sequence[JournalEntry], space: Space, architecture: Architecture, translate: Translator
) -> ReportPage:
    """Build the page about one architecture."""
    explanation = explain_architecture(entries, space, architecture)
    objectives = run_header(entries)["objectives"]
    history = [
        translate("why.when", hour=f"{event.at_s / HOUR_S:.1f}", what=_event_sentence(event, objectives, translate))
        for event in explanation.events
    ]
    regions = [] if explanation.region is None else [explanation.region]
    section = ReportSection(
        "story",
        translate("why.story"),
        paragraphs=[translate("why.lies_in", region=_format_region(region, translate)) for region in regions],
        notes=history or [translate("why.never")],
    )
    sections = [section, *_model_sections(entries, space, architecture, translate)]
    return ReportPage(translate("why.architecture.title"), f"`{explanation.architecture}`", sections, translate)


def build_hour_page(entries: Sequence[JournalEntry], hour: int, translate: Translator) -> ReportPage:
    """Build the page about the decision for the period that contains an hour.

    :param hour: hours since the start.
    :raises SettingsError: if the run has no such hour.
    """
    explanation = explain_hour(entries, hour)
    section = ReportSection(
        "hour",
        translate("why.hour.section"),
        paragraphs=list(_decision_sentences(explanation, translate)),
        tables=[_alternatives_table(explanation, translate)],
        notes=[translate("why.hour.how")],
    )
    return ReportPage(translate("why.hour.title", hour=hour), translate("why.hour.lead"), [section], translate)


def _model_sections(
    entries: Sequence[JournalEntry], space: Space, architecture: Architecture, translate: Translator
) -> list[ReportSection]:
    """What the surrogate expected of an architecture; none without a model."""
    model = explain_choice_of_surrogate(entries, space, architecture)
    if model is None:
        return []
    objectives, was_chosen = run_header(entries)["objectives"], model.chosen == model.subject
    when = translate(
        "why.model.own" if was_chosen else "why.model.last",
        hour=f"{model.at_s / HOUR_S:.1f}",
        trainings=f"{model.trainings:,}",
    )
    subject = model.subject
    notes = [
        translate("why.model.values", values=_format_prediction(objectives, subject, translate)),
        translate(
            "why.model.chance",
            chance=format_percentage(subject.chance, 1),
            gain=format_percentage(subject.gain, 2),
            rank=f"{subject.rank:,}",
            count=f"{model.candidates:,}",
        ),
    ]
    for key, trained in (("why.model.twin", model.same_function), ("why.model.better", model.better)):
        if trained is not None:
            values = _format_objectives(objectives, trained.values, translate, units=True)
            notes.append(translate(key, by=trained.architecture, values=values))
    if not was_chosen:
        chosen = model.chosen
        values = _format_prediction(objectives, chosen, translate)
        chance, gain = format_percentage(chosen.chance, 1), format_percentage(chosen.gain, 2)
        notes.append(translate("why.model.chosen", by=chosen.architecture, values=values, chance=chance, gain=gain))
    notes.append(translate("why.model.how"))
    return [ReportSection("model", translate("why.model"), paragraphs=[when], notes=notes)]


def _format_prediction(objectives: Sequence[dict[str, Any]], prediction: Prediction, translate: Translator) -> str:
    """Format predicted objectives in their own direction, with intervals where they are modelled."""
    texts = []
    for one, value, low, high in zip(objectives, prediction.values, prediction.low, prediction.high, strict=True):
        if low == high:
            known = _format_objectives([one], [value], translate, units=True)
            texts.append(translate("why.model.known", value=known))
            continue
        ends = sorted((-low, -high) if one["maximise"] else (low, high))
        middle = _format_objectives([one], [value], translate, units=True)
        texts.append(translate("why.model.interval", value=middle, low=f"{ends[0]:,.5g}", high=f"{ends[1]:,.5g}"))
    return translate.join(texts)


def describe_predicate(predicate: ArchitecturePredicate, translate: Translator, *, holds: bool) -> str:
    """Describe a predicate, or its negation, as a clause."""
    key = f"why.predicate.{predicate.kind}"
    return translate(key if holds else f"{key}.not", **predicate.values)


def _candidates_section(counts: CandidateCounts, translate: Translator) -> ReportSection:
    return ReportSection(
        "candidates",
        translate("why.candidates"),
        notes=[
            *([translate("why.scored", count=f"{counts.scored:,}")] if counts.scored or not counts.measured else []),
            *([translate("why.measured_alone", count=f"{counts.measured:,}")] if counts.measured else []),
            translate("why.dropped", count=f"{counts.dropped:,}", later=f"{counts.dropped_trained_later:,}"),
            translate("why.strays", count=f"{counts.dropped_exploratory:,}"),
            translate("why.trained", count=f"{counts.trained:,}", front=f"{counts.on_front:,}"),
            translate("why.waiting", count=f"{counts.queued_at_end:,}"),
        ],
    )


def _split_sections(splits: Sequence[PartitionSplit], translate: Translator) -> list[ReportSection]:
    if not splits:
        return [ReportSection("cuts", translate("why.cuts"), paragraphs=[translate("why.uncut")])]
    return [
        ReportSection(
            f"cut-{index}",
            translate("why.cut", region=split.region or translate("why.everywhere")),
            paragraphs=[_rule_sentence(split, translate), _accuracy_sentence(split, translate)],
            notes=[_trained_sentence(split, translate)],
        )
        for index, split in enumerate(splits)
    ]


def _rule_sentence(split: PartitionSplit, translate: Translator) -> str:
    share = format_percentage(split.dropped_share)
    if not split.conditions:
        return translate("why.cut.nothing", share=share)
    clauses = translate("why.and").join(
        describe_predicate(predicate, translate, holds=holds) for predicate, holds in split.conditions
    )
    return translate(
        "why.cut.common",
        share=share,
        covers=format_percentage(split.recall),
        clauses=clauses,
        purity=format_percentage(split.precision),
    )


def _accuracy_sentence(split: PartitionSplit, translate: Translator) -> str:
    key = "why.basis.all" if split.exhaustive else "why.basis.drawn"
    basis = translate(key, count=f"{split.n_architectures:,}")
    return translate("why.fidelity", share=format_percentage(split.tree_accuracy), basis=basis)


def _trained_sentence(split: PartitionSplit, translate: Translator) -> str:
    key = "why.checked.front" if split.n_front_dropped else "why.checked"
    return translate(
        key, trained=f"{split.n_trained:,}", dropped=f"{split.n_trained_dropped:,}", front=split.n_front_dropped
    )


def _event_sentence(event: ArchitectureEvent, objectives: Sequence[dict[str, Any]], translate: Translator) -> str:
    details: dict[str, Any] = dict(event.details or {})
    if "region" in details:
        details["region"] = _format_region(details["region"], translate)
    if "dominance_number" in details:
        details["number"] = details.pop("dominance_number")
    if "fidelity" in details:
        details["share"] = format_percentage(details.pop("fidelity"))
    if event.objective_values is not None:
        units = event.kind != "scored"
        details["values"] = _format_objectives(objectives, event.objective_values, translate, units=units)
    if event.kind == "dominated":
        details["by"] = event.dominated_by
    sentence = translate(EVENT_KEYS[event.kind], **details)
    if event.kind == "dropped" and event.dominated_by is not None:
        return f"{sentence} {translate('why.dominated', by=event.dominated_by)}"
    return sentence


def _format_region(region: str | None, translate: Translator) -> str:
    return f"`{region}`" if region else translate("why.everywhere")


def _format_objectives(
    objectives: Sequence[dict[str, Any]], values: Sequence[float | None], translate: Translator, *, units: bool
) -> str:
    """Format raw (minimised) values of the objectives in their own direction; None is left out."""
    return translate.join(
        f"{one['name']} {(-value if one['maximise'] else value):,.5g} {one['unit'] if units else ''}".strip()
        for one, value in zip(objectives, values, strict=True)
        if value is not None
    )


def _decision_sentences(explanation: HourExplanation, translate: Translator) -> Iterator[str]:
    decision, period = explanation.decided.decision, explanation.decided.period
    division = translate.join(f"{translate(role)} {count}" for role, count in decision["allocation"].items() if count)
    yield translate("why.hour.decided", division=division)
    yield translate("why.hour.reason", reason=decision["reason"])
    if decision["forecast_g_per_kwh"] is not None:
        quantiles = decision.get("quantiles_g_per_kwh", {})
        levels = translate.join(f"{format_percentage(float(level))}: {value:.0f}" for level, value in quantiles.items())
        yield translate(
            "why.hour.forecast",
            expected=f"{decision['forecast_g_per_kwh']:.0f}",
            true=f"{period['intensity_g_per_kwh']:.0f}",
            levels=f" ({levels})" if levels else "",
        )


def _alternatives_table(explanation: HourExplanation, translate: Translator) -> ReportTable:
    best = explanation.best_period
    when = translate("why.later", hours=best) if best else translate("why.now")
    header = (
        translate("why.way"),
        translate("gpus"),
        translate("why.expected"),
        translate("why.true"),
        translate("why.best", when=when),
    )
    rows = [_alternative_row(alternative, translate) for alternative in explanation.alternatives]
    return ReportTable(translate("why.ways"), header, rows)


def _alternative_row(alternative: AlternativeAllocation, translate: Translator) -> tuple[str, ...]:
    amounts = (alternative.forecast_g, alternative.actual_g, alternative.best_period_g)
    return (
        translate(f"why.way.{alternative.name}"),
        str(alternative.gpus),
        *(translate("unknown") if grams is None else format_carbon(grams) for grams in amounts),
    )
