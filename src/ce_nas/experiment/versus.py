"""CE-NAS, or a variant, against vanilla LaMOO at one place of an experiment: a row of a table."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ce_nas.experiment.gaps import log_share
from ce_nas.experiment.protocol import ENGLISH, Table, of_strategy
from ce_nas.experiment.ratios import Split, paired, split_of
from ce_nas.experiment.statistics import Interval, Paired, bootstrap_median, paired_test
from ce_nas.experiment.strategies import CE_NAS
from ce_nas.experiment.words import better_text, interval_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.experiment.cells import Finding
    from ce_nas.report.words import Words

__all__ = ["REFERENCE", "Versus", "judged_by", "versus", "versus_table"]

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
