"""Why a run did what it did, told from its journal.

What became of an architecture, where the space was cut, and why the GPUs were divided so in an hour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ce_nas.analysis.partition_rules import cuts, region_of
from ce_nas.analysis.summary import beginning, summarise
from ce_nas.core.errors import SettingsError
from ce_nas.core.units import HOUR_S, J_PER_KWH, as_carbon
from ce_nas.report.page import Page, Section, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ce_nas.analysis.partition_rules import Cut
    from ce_nas.core.records import Architecture
    from ce_nas.report.i18n.words import Words
    from ce_nas.space.base import Space
    from ce_nas.store.journal import Entry

__all__ = ["explain_architecture", "explain_hour", "explain_regions", "explain_run"]


def explain_run(entries: Sequence[Entry], space: Space, words: Words) -> Page:
    """What became of all candidates, and where the space was cut."""
    sections = [_candidates(entries, words)]
    if beginning(entries)["settings"]["searcher"]["name"] == "lamoo" and summarise(entries).evaluations:
        sections += _regions(cuts(entries, space), words)
    return Page(words("why.run.title"), words("why.run.lead"), sections, words)


def explain_regions(entries: Sequence[Entry], space: Space, region: str, words: Words) -> Page:
    """Why one region was cut from the rest: the last boundary on the way to it.

    :raises SettingsError: if there is no such region.
    """
    known = cuts(entries, space)
    names = sorted({one.region + sign for one in known for sign in "+-"})
    if region not in names:
        message = f"Expected a region of the run, a + or - for each boundary from the root down, got {region!r}; there "
        message += f"are: {', '.join(names)}." if names else "are none: the space was not cut."
        raise SettingsError(message)
    chosen = [one for one in known if one.region == region[:-1]]
    return Page(words("why.region.title", region=region), words("why.region.lead"), _regions(chosen, words), words)


def explain_architecture(entries: Sequence[Entry], space: Space, architecture: Architecture, words: Words) -> Page:
    """What became of one architecture, and why."""
    story = [
        words("why.when", hour=f"{at_s / HOUR_S:.1f}", what=what)
        for at_s, what in _Teller(entries, space, architecture, words).story()
    ]
    if not story:
        story = [words("why.never")]
    notes = [
        words("why.lies_in", region=f"`{place}`" if place else words("why.everywhere"))
        for place in _place(entries, space, architecture)
    ]
    text = space.text(architecture)
    section = Section("story", words("why.story"), notes=story, paragraphs=notes)
    return Page(words("why.architecture.title"), f"`{text}`", [section], words)


def explain_hour(entries: Sequence[Entry], hour: int, words: Words) -> Page:
    """Why the GPUs were divided so in the period that an hour lies in, and what else would have cost.

    :param hour: hours since the start.
    :raises SettingsError: if the run has no such hour.
    """
    decisions = [entry for entry in entries if entry.kind == "decided"]
    periods = [entry for entry in entries if entry.kind == "period"]
    pairs = [(one.content, two.content, two.at_s) for one, two in zip(decisions, periods, strict=False)]
    chosen = [pair for pair in pairs if pair[1]["start_s"] <= hour * HOUR_S < pair[2]]
    if not chosen:
        until = periods[-1].at_s / HOUR_S if periods else 0.0
        message = f"Expected an hour of the run, from 0 to below {until:g}, got {hour}."
        raise SettingsError(message)
    decision, period, end_s = chosen[0]
    section = Section(
        "hour",
        words("why.hour.section"),
        paragraphs=list(_reasons(decision, period, words)),
        tables=[_alternatives(entries, decision, period, end_s, words)],
        notes=[words("why.hour.how")],
    )
    return Page(words("why.hour.title", hour=hour), words("why.hour.lead"), [section], words)


def _candidates(entries: Sequence[Entry], words: Words) -> Section:
    summary = summarise(entries)
    dropped = {tuple(item[0]) for entry in entries if entry.kind == "sampled" for item in entry.content["dropped"]}
    strays = sum(
        1
        for entry in entries
        if entry.kind == "sampled"
        for item in entry.content["dropped"]
        if (item[1] or "").startswith("outside")
    )
    waiting = sum(len(entry.content["waiting"]) for entry in entries if entry.kind == "ended")
    trained = {tuple(entry.content["architecture"]) for entry in entries if entry.kind == "evaluated"}
    return Section(
        "candidates",
        words("why.candidates"),
        notes=[
            words("why.scored", count=f"{summary.samples:,}"),
            words("why.dropped", count=f"{len(dropped):,}", later=f"{len(dropped & trained):,}"),
            words("why.strays", count=f"{strays:,}"),
            words("why.trained", count=f"{summary.evaluations:,}", front=f"{len(summary.front):,}"),
            words("why.waiting", count=f"{waiting:,}"),
        ],
    )


def _regions(found: Sequence[Cut], words: Words) -> list[Section]:
    if not found:
        return [Section("cuts", words("why.cuts"), paragraphs=[words("why.uncut")])]
    return [
        Section(
            f"cut-{at}",
            words("why.cut", region=one.region or words("why.everywhere")),
            paragraphs=[_sentence(one, words), _fidelity(one, words)],
            notes=[_checked(one, words)],
        )
        for at, one in enumerate(found)
    ]


def _sentence(cut: Cut, words: Words) -> str:
    share = f"{cut.dropped:.0%}"
    if not cut.clauses:
        return words("why.cut.nothing", share=share)
    clauses = words("why.and").join(question.said(words, yes=yes) for question, yes in cut.clauses)
    return words("why.cut.common", share=share, covers=f"{cut.covers:.0%}", clauses=clauses, purity=f"{cut.purity:.0%}")


def _fidelity(cut: Cut, words: Words) -> str:
    basis = words("why.basis.all" if cut.whole else "why.basis.drawn", count=f"{cut.counted:,}")
    return words("why.fidelity", share=f"{cut.fidelity:.0%}", basis=basis)


def _checked(cut: Cut, words: Words) -> str:
    key = "why.checked.front" if cut.dropped_front else "why.checked"
    return words(key, trained=f"{cut.trained:,}", dropped=f"{cut.dropped_trained:,}", front=cut.dropped_front)


def _place(entries: Sequence[Entry], space: Space, architecture: Architecture) -> list[str]:
    """The leaf that an architecture lies in; nothing where the space was not divided."""
    try:
        return [region_of(entries, space, architecture)]
    except SettingsError:
        return []


class _Teller:
    """Tells what happened to one architecture, entry by entry of a journal."""

    def __init__(self, entries: Sequence[Entry], space: Space, architecture: Architecture, words: Words) -> None:
        self._entries = entries
        self._space = space
        self._wanted = list(architecture)
        self._words = words
        #: tasks that it was in, and its place there
        self._tasks: dict[int, int] = {}

    def story(self) -> Iterator[tuple[float, str]]:
        """When something happened, and what."""
        kinds = {
            "started": self._started,
            "sampled": self._sampled,
            "failed": self._failed,
            "evaluated": self._evaluated,
            "ended": self._ended,
        }
        for entry in self._entries:
            if entry.kind in kinds:
                yield from ((entry.at_s, what) for what in kinds[entry.kind](entry.content))

    def _started(self, content: dict[str, Any]) -> Iterator[str]:
        if self._wanted in content["architectures"]:
            self._tasks[content["task"]] = content["architectures"].index(self._wanted)
            if content["kind"] == "evaluation":
                yield self._words("why.began")

    def _sampled(self, content: dict[str, Any]) -> Iterator[str]:
        if content["task"] in self._tasks:
            scores = content["values"][self._tasks[content["task"]]]
            yield self._words("why.was_scored", values=_values(self._entries, scores, self._words, units=False))
        yield from (self._dropped(item) for item in content["dropped"] if item[0] == self._wanted)

    def _failed(self, content: dict[str, Any]) -> Iterator[str]:
        if content["task"] in self._tasks:
            yield self._words("why.failed", failure=content["failure"])

    def _evaluated(self, content: dict[str, Any]) -> Iterator[str]:
        if content["architecture"] != self._wanted:
            return
        values = _values(self._entries, content["values"], self._words)
        if content["fidelity"] < 1.0:
            yield self._words("why.stopped_early", share=f"{content['fidelity']:.0%}", values=values)
        else:
            yield self._words("why.was_trained", values=values)
            yield _standing(self._entries, content, self._words)

    def _ended(self, content: dict[str, Any]) -> Iterator[str]:
        for item, region in content["waiting"]:
            if item == self._wanted:
                yield self._words("why.still_waiting", region=_region(region, self._words))

    def _dropped(self, item: Sequence[Any]) -> str:
        _, region, rank, number, by = item
        text = self._words("why.was_dropped", region=_region(region, self._words), rank=rank + 1, number=number)
        return text if by is None else f"{text} {self._words('why.dominated', by=self._space.text(tuple(by)))}"


def _region(region: str | None, words: Words) -> str:
    return f"`{region}`" if region else words("why.everywhere")


def _standing(entries: Sequence[Entry], found: dict[str, Any], words: Words) -> str:
    """Whether a trained architecture is on the front, and if not, who is better in everything."""
    if not found["feasible"]:
        return words("why.infeasible")
    for entry in entries:
        if entry.kind == "evaluated" and entry.content["fidelity"] == 1.0 and entry.content["feasible"]:
            other = entry.content
            pairs = list(zip(other["values"], found["values"], strict=True))
            if all(one <= two for one, two in pairs) and any(one < two for one, two in pairs):
                return words("why.beaten", by=other["text"], values=_values(entries, other["values"], words))
    return words("why.on_front")


def _values(entries: Sequence[Entry], values: Sequence[float], words: Words, *, units: bool = True) -> str:
    objectives = beginning(entries)["objectives"]
    return words.listed(
        f"{item['name']} {(-value if item['maximise'] else value):,.5g} {item['unit'] if units else ''}".strip()
        for item, value in zip(objectives, values, strict=True)
    )


def _reasons(decision: dict[str, Any], period: dict[str, Any], words: Words) -> Iterator[str]:
    division = words.listed(f"{words(role)} {count}" for role, count in decision["allocation"].items() if count)
    yield words("why.hour.decided", division=division)
    yield words("why.hour.reason", reason=decision["reason"])
    if decision["forecast_g_per_kwh"] is not None:
        quantiles = decision.get("quantiles_g_per_kwh", {})
        levels = words.listed(f"{float(level):.0%}: {value:.0f}" for level, value in quantiles.items())
        yield words(
            "why.hour.forecast", expected=f"{decision['forecast_g_per_kwh']:.0f}",
            true=f"{period['intensity_g_per_kwh']:.0f}", levels=f" ({levels})" if levels else "",
        )  # fmt: skip


def _alternatives(
    entries: Sequence[Entry], decision: dict[str, Any], period: dict[str, Any], end_s: float, words: Words
) -> Table:
    """All devices at work, half of them, those that were decided, and none; now and in the cleanest hour to come."""
    cluster = beginning(entries)["settings"]["cluster"]
    ahead = decision.get("ahead_g_per_kwh", [])
    expected, true = decision["forecast_g_per_kwh"], period["intensity_g_per_kwh"]
    best = min(range(len(ahead)), key=ahead.__getitem__) if ahead else None
    length_s = end_s - period["start_s"]
    decided = decision["allocation"]["evaluating"] + decision["allocation"]["sampling"]
    ways = {
        "why.way.all": cluster["gpus"],
        "why.way.half": cluster["gpus"] // 2,
        "why.way.decided": decided,
        "why.way.none": 0,
    }

    def grams(count: int, g_per_kwh: float | None) -> str:
        energy_j = count * cluster["training_w"] * cluster["pue"] * length_s
        return words("unknown") if g_per_kwh is None else as_carbon(energy_j / J_PER_KWH * g_per_kwh)

    later = words("why.later", hours=best) if best else words("why.now")
    rows = [
        (
            words(key),
            str(count),
            grams(count, expected),
            grams(count, true),
            grams(count, None if best is None else ahead[best]),
        )
        for key, count in ways.items()
    ]
    head = (words("why.way"), words("gpus"), words("why.expected"), words("why.true"), words("why.best", when=later))
    return Table(words("why.ways"), head, rows)
