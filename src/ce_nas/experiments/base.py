"""Interface of an experiment: the runs that it needs, and the report that it builds from their results."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import SettingsError
from ce_nas.experiments.provenance import ENGLISH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from matplotlib.figure import Figure

    from ce_nas.experiments.trials import ExperimentTrial, TrialResult
    from ce_nas.report.i18n.translator import Translator
    from ce_nas.report.page import ReportTable

__all__ = [
    "ENGLISH",
    "Experiment",
    "ExperimentConfig",
    "ExperimentReport",
    "results_of_strategy",
    "to_plain_containers",
]


@dataclass(frozen=True, slots=True)
class ExperimentConfig:
    """What all runs of an experiment share."""

    #: flags of ``ce-nas search``; policy, searcher and forecaster apply to CE-NAS only
    flags: Mapping[str, object]
    seeds: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.seeds:
            message = "Expected at least one seed, got none."
            raise SettingsError(message)

    def merge_flags(self, **flags: object) -> Mapping[str, object]:
        """Return the flags with some of them replaced."""
        return {**self.flags, **flags}


@dataclass(frozen=True, slots=True)
class ExperimentReport:
    """The results of an experiment for people and programs."""

    title: str
    #: for ``--json``: plain containers, all numbers finite or None
    content: Mapping[str, Any]
    tables: Sequence[ReportTable]
    #: file name without extension to what draws the figure; it is called where the extra ``plots`` is installed
    figures: Mapping[str, Callable[[], Figure]]
    #: data sources and assumptions, a sentence each
    notes: Sequence[str] = field(default_factory=tuple)


class Experiment(ABC):
    """An experiment: lists the trials that it needs, and reports on their results.

    Example:
        >>> from ce_nas.experiments.strategies import get_strategy
        >>> from ce_nas.experiments.trials import build_trial
        >>> class RandomSearch(Experiment):
        ...     name = "random-search"
        ...     def trials(self):
        ...         return [build_trial(get_strategy("vanilla-random"), {"hours": 2, "gpus": 1}, seed=0)]
        ...     def build_report(self, results, translate=ENGLISH):
        ...         finals = [result.trajectory.final_hypervolume for result in results]
        ...         return ExperimentReport("Random search", {"finals": finals}, [], {})
        >>> [trial.labels for trial in RandomSearch().trials()]
        [{'strategy': 'vanilla-random', 'seed': 0}]
    """

    #: identifier, and name of its files
    name: str

    @abstractmethod
    def trials(self) -> list[ExperimentTrial]:
        """List all runs, each once.

        :raises CeNasError: if a setting is invalid.
        """

    @abstractmethod
    def build_report(self, results: Sequence[TrialResult], translate: Translator = ENGLISH) -> ExperimentReport:
        """Build the report from the results of all trials, in the order of :meth:`trials`.

        :param translate: of titles, tables and notes; figures and ``content`` are the same in every language.
        """


def results_of_strategy(results: Iterable[TrialResult], name: str, **axes: object) -> list[TrialResult]:
    """Select the results of one strategy, for one value of each axis, sorted by seed."""
    labels = {"strategy": name, **axes}
    selected = [result for result in results if all(result.labels.get(key) == value for key, value in labels.items())]
    return sorted(selected, key=lambda result: result.labels["seed"])


def to_plain_containers(content: Any) -> Any:  # noqa: ANN401 - containers of any shape
    """Convert to what JSON can hold: records become dictionaries, numbers that are not finite become None."""
    if is_dataclass(content) and not isinstance(content, type):
        return to_plain_containers(asdict(content))
    if isinstance(content, Mapping):
        return {str(key): to_plain_containers(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [to_plain_containers(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content
