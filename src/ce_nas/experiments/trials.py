"""A cell of an experiment: one run, and what an experiment keeps of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from ce_nas.analysis.trajectory import Track
from ce_nas.config.schema import settings_from_flags

if TYPE_CHECKING:
    from ce_nas.config.schema import Settings
    from ce_nas.experiments.strategies import Strategy

__all__ = ["Cell", "Finding", "Labels", "cell", "run_cell"]

#: what tells a cell from the others of its experiment: strategy, seed, and the experiment's own axes
Labels = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cell:
    """One run of an experiment."""

    labels: Labels
    settings: Settings
    #: other objectives that the answer is judged on, name to the objectives' names
    judges: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """SHA-256 of all that the run is told, in hexadecimal: cells with the same key find the same."""
        told = [self.settings.model_dump(mode="json"), {name: list(one) for name, one in self.judges.items()}]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Finding:
    """What an experiment keeps of a run."""

    labels: Labels
    track: Track
    #: why it ended, as the name of a :class:`~ce_nas.core.records.Stop`
    stop: str
    #: hypervolume of the whole table; None where it is not known
    hypervolume_max: float | None
    #: architectures scored
    samples: int
    #: full book, g, by activity
    carbon_g_by_activity: Mapping[str, float]
    #: what it rests on, in words
    facts: Mapping[str, str]
    #: name of a judge to the hypervolume, by its objectives, of the answer at each mark of the track
    judged: Mapping[str, list[float]] = field(default_factory=dict)
    #: name of a judge to the hypervolume of the whole table by its objectives
    judged_max: Mapping[str, float] = field(default_factory=dict)

    def labelled(self, **labels: object) -> Self:
        """The same with some labels set otherwise."""
        return replace(self, labels={**self.labels, **labels})

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain containers."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """The finding that :meth:`to_dict` made ``content`` of."""
        return cls(**{**content, "track": Track(**content["track"])})


def cell(
    strategy: Strategy,
    flags: Mapping[str, object],
    seed: int,
    axes: Labels | None = None,
    judges: Mapping[str, tuple[str, ...]] | None = None,
) -> Cell:
    """The run of a strategy with a seed.

    :param flags: what all runs share, as the flags of ``ce-nas search``.
    :param axes: what else tells this cell from others, for its labels.
    :raises SettingsError: if a flag is of no use.
    """
    shared = {name: value for name, value in flags.items() if name not in strategy.owns}
    settings = settings_from_flags(strategy.settings, **{**shared, "seed": seed})
    return Cell({"strategy": strategy.name, "seed": seed, **(axes or {})}, settings, judges or {})


def run_cell(one: Cell) -> tuple[Cell, Finding]:
    """Run a cell, and keep what an experiment needs of it."""
    from ce_nas.analysis.summary import beginning
    from ce_nas.analysis.trajectory import track
    from ce_nas.api import Study
    from ce_nas.engine.inputs import Materials
    from ce_nas.experiments.comparison import judged
    from ce_nas.experiments.provenance import facts_of

    materials = Materials(one.settings)
    result = Study(one.settings, materials=materials).run()
    summary = result.summary
    verdicts = {name: judged(objectives, materials, result.entries) for name, objectives in one.judges.items()}
    return one, Finding(
        labels=one.labels,
        track=track(result.entries),
        stop=summary.stop,
        hypervolume_max=materials.hypervolume_max,
        samples=summary.samples,
        carbon_g_by_activity=summary.carbon_g_by_activity,
        facts=facts_of(summary, beginning(result.entries)),
        judged={name: verdict.hypervolume for name, verdict in verdicts.items()},
        judged_max={name: verdict.hypervolume_max for name, verdict in verdicts.items()},
    )
