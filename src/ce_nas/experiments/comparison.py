"""How strategies stand to one another at the end of their runs.

CE-NAS, or a variant, against vanilla LaMOO at one place of an experiment: a row of a table.

Grams of one run against another to the same quality, and what the ratio is made of.

With E the energy drawn until a hypervolume was first reached, and c the grid's mean intensity weighed with that energy,
the grams are E c. So theirs / ours = (E_theirs / E_ours) (c_theirs / c_ours): *fewer trainings*, or cheaper ones, with
everything else that draws energy charged to them, times *better hours*. Within a seed the product is exact; of medians
over seeds it is not.

An answer judged by other figures than it was found by: for searches whose trainings are noisy.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ce_nas.analysis.metrics import log_gap, log_share
from ce_nas.analysis.statistics import Interval, Paired, bootstrap_median, paired_test
from ce_nas.benchmarks.tabular import objective, table_values
from ce_nas.core.errors import DataError
from ce_nas.core.formatting import better_text, interval_text
from ce_nas.core.units import G_PER_KG
from ce_nas.experiments.base import ENGLISH, Table, of_strategy
from ce_nas.experiments.strategies import CE_NAS
from ce_nas.pareto.dominance import Front
from ce_nas.pareto.hypervolume import hypervolume

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ce_nas.analysis.trajectory import Spent, Track
    from ce_nas.core.records import Architecture
    from ce_nas.engine.inputs import Materials
    from ce_nas.experiments.trials import Finding
    from ce_nas.report.i18n.words import Words
    from ce_nas.store.journal import Entry

__all__ = [
    "REFERENCE",
    "Pair",
    "Split",
    "Standing",
    "Verdict",
    "Versus",
    "judged",
    "judged_by",
    "median_of",
    "paired",
    "split_of",
    "standing",
    "versus",
    "versus_table",
]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a strategy had at the end: medians over the seeds."""

    strategy: str
    hypervolume: Interval
    #: log10 of what is missing of the largest hypervolume, in the objectives' units
    log_gap: Interval
    #: log10 of the share of it that is missing
    log_share: Interval
    #: full book, kg
    carbon_kg: Interval
    #: paper's book, kg
    paper_carbon_kg: Interval
    evaluations: Interval
    #: CE-NAS's hypervolume against this one's, seed by seed; None of CE-NAS itself
    paired: Paired | None


def standing(findings: Sequence[Finding], name: str, ours: str, top: float, **axes: object) -> Standing:
    """How one strategy stands, at one place of each of ``axes``, and how ``ours`` stands to it."""
    runs = of_strategy(findings, name, **axes)
    finals = [one.track.final for one in runs]
    spent = [one.track.within(one.track.hours, float("inf"))[1] for one in runs]
    best = [one.track.final for one in of_strategy(findings, ours, **axes)]
    return Standing(
        strategy=name,
        hypervolume=bootstrap_median(finals),
        log_gap=bootstrap_median([log_gap(top, final) for final in finals]),
        log_share=bootstrap_median([log_share(top, final) for final in finals]),
        carbon_kg=bootstrap_median([one.carbon_g / G_PER_KG for one in spent]),
        paper_carbon_kg=bootstrap_median([one.paper_carbon_g / G_PER_KG for one in spent]),
        evaluations=bootstrap_median([one.evaluations for one in spent]),
        paired=None if name == ours else paired_test(best, finals),
    )


#: whom the ratios refer to
REFERENCE = "vanilla-lamoo"


@dataclass(frozen=True, slots=True)
class Versus:
    """A strategy against the reference: medians over the seeds."""

    place: str
    #: grams to the reference's final hypervolume, full book
    split: Split
    #: log10 of the share of the largest hypervolume that is missing at the end
    log_share: Interval
    reference_log_share: Interval
    #: final hypervolumes, seed by seed
    paired: Paired

    def to_dict(self) -> dict[str, Any]:
        """As plain containers."""
        return asdict(self)


def versus(
    place: str, findings: Sequence[Finding], name: str = CE_NAS.name, reference: str = REFERENCE, **axes: object
) -> Versus:
    """A strategy against the reference at one place of each of ``axes``.

    :param place: what a table calls the place.
    """
    ours, theirs = of_strategy(findings, name, **axes), of_strategy(findings, reference, **axes)
    tops = [one.hypervolume_max or max(two.track.final for two in [*ours, *theirs]) for one in ours]
    shares = [[log_share(top, one.track.final) for top, one in zip(tops, runs, strict=True)] for runs in (ours, theirs)]
    return Versus(
        place=place,
        split=split_of(paired([one.track for one in ours], [one.track for one in theirs])),
        log_share=bootstrap_median(shares[0]),
        reference_log_share=bootstrap_median(shares[1]),
        paired=paired_test([one.track.final for one in ours], [one.track.final for one in theirs]),
    )


def judged_by(findings: Sequence[Finding], judge: str) -> list[Finding]:
    """The findings with the judge's hypervolume in place of the run's own."""
    return [
        replace(
            one,
            track=replace(one.track, hypervolume=list(one.judged[judge])),
            hypervolume_max=one.judged_max[judge],
        )
        for one in findings
    ]


def versus_table(
    title: str, first: str, rows: Sequence[Versus], words: Words = ENGLISH, shown: Mapping[str, str] | None = None
) -> Table:
    """A row a place.

    :param first: what the places are.
    :param shown: place to what people call it, where that is another.
    """
    head = (
        first,
        words("exp.versus.times_less"),
        words("exp.versus.fewer"),
        words("exp.versus.hours"),
        words("exp.versus.reached"),
        words("exp.versus.log_share"),
        words("exp.versus.other"),
        words("exp.versus.better"),
    )
    return Table(title, head, [_row(one, (shown or {}).get(one.place, one.place), words) for one in rows])


def _row(one: Versus, place: str, words: Words) -> tuple[str, ...]:
    return (
        place,
        interval_text(one.split.ratio),
        interval_text(one.split.fewer_trainings),
        interval_text(one.split.better_hours),
        f"{one.split.reached:.0%}",
        interval_text(one.log_share),
        interval_text(one.reference_log_share),
        better_text(one.paired, words),
    )


@dataclass(frozen=True, slots=True)
class Pair:
    """What two runs had spent when each first reached a hypervolume."""

    hypervolume: float
    #: None where it was never reached
    ours: Spent | None
    theirs: Spent | None

    @property
    def ratio(self) -> float:
        """Their grams for each of ours, full book; 0 if we fell short, infinite if only they did."""
        return self._of("carbon_g")

    @property
    def paper_ratio(self) -> float:
        """The same in the paper's book."""
        return self._of("paper_carbon_g")

    @property
    def fewer_trainings(self) -> float:
        """Their energy for each joule of ours, whatever it was spent on; 0 if we fell short."""
        return self._of("energy_j")

    @property
    def training_count_ratio(self) -> float:
        """Their finished trainings for each of ours; 0 if we fell short."""
        return self._of("evaluations")

    @property
    def better_hours(self) -> float | None:
        """Their energy-weighted mean intensity for each g/kWh of ours; None unless both got there."""
        if self.ours is None or self.theirs is None:
            return None
        return self.theirs.intensity_g_per_kwh / self.ours.intensity_g_per_kwh

    def _of(self, quantity: str) -> float:
        if self.ours is None:
            return 0.0
        if self.theirs is None:
            return math.inf
        return float(getattr(self.theirs, quantity) / getattr(self.ours, quantity))


@dataclass(frozen=True, slots=True)
class Split:
    """A ratio of grams over seeds, and its two factors; a seed in which we fell short counts as 0."""

    ratio: Interval
    fewer_trainings: Interval
    #: of the seeds in which both got there; None if there are none
    better_hours: Interval | None
    #: finished trainings, not energy
    training_count_ratio: Interval
    #: share of the seeds in which we got there
    reached: float


def paired(ours: Sequence[Track], theirs: Sequence[Track], level: float | None = None) -> list[Pair]:
    """Runs of the same seeds at a hypervolume; without one, at the final hypervolume of each of theirs.

    :raises DataError: if they are not as many.
    """
    if len(ours) != len(theirs):
        message = f"Expected as many runs on both sides, got {len(ours)} and {len(theirs)}."
        raise DataError(message)
    pairs = []
    for mine, other in zip(ours, theirs, strict=True):
        wanted = other.final if level is None else level
        pairs.append(Pair(wanted, mine.to_reach(wanted), other.to_reach(wanted)))
    return pairs


def split_of(pairs: Sequence[Pair]) -> Split:
    """Medians over the seeds, with intervals."""
    hours = [pair.better_hours for pair in pairs if pair.better_hours is not None]
    return Split(
        ratio=bootstrap_median([pair.ratio for pair in pairs]),
        fewer_trainings=bootstrap_median([pair.fewer_trainings for pair in pairs]),
        better_hours=median_of(hours),
        training_count_ratio=bootstrap_median([pair.training_count_ratio for pair in pairs]),
        reached=sum(pair.ours is not None for pair in pairs) / len(pairs),
    )


def median_of(values: Sequence[float]) -> Interval | None:
    """The median with its interval; None of nothing."""
    return bootstrap_median(values) if values else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run's answers are worth by other objectives."""

    #: of the answer at each mark of the run's track
    hypervolume: list[float]
    #: of the whole table
    hypervolume_max: float


def judged(objectives: Sequence[str], materials: Materials, entries: Iterable[Entry]) -> Verdict:
    """The answer, as the run itself believed in it, at each mark of its track, by other objectives of the table.

    An answer is the front of what was evaluated, by the values that the evaluations returned; it may lose by the
    other objectives where it wins by these.

    :param objectives: as in the settings.
    """
    chosen = [objective(materials.table, text) for text in objectives]
    values = table_values(materials.table, chosen)
    reference = [item.sign * item.reference for item in chosen]
    index = materials.table.space.index
    front: Front[Architecture] = Front()
    marks: list[float] = []
    worth = 0.0
    for entry in entries:
        if entry.kind == "evaluated" and entry.content["feasible"] and entry.content["fidelity"] == 1.0:
            found = entry.content
            if front.add(found["values"], tuple(found["architecture"])):
                worth = hypervolume(values[[index[item] for item in front.items]], reference)
            if found["grew"]:
                marks.append(worth)
        elif entry.kind == "period":
            marks.append(worth)
    return Verdict(marks, hypervolume(values, reference))
