"""The experiment's seam: which runs it needs, and what it makes of what they found."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import SettingsError
from ce_nas.report.i18n.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.figure import Figure

    from ce_nas.experiments.trials import Cell, Finding

__all__ = ["ENGLISH", "Experiment", "Report", "Scenario", "Table", "of_strategy", "plain"]


#: what an experiment speaks where nothing else is asked for
ENGLISH = Words("en")


@dataclass(frozen=True, slots=True)
class Scenario:
    """What all runs of an experiment share."""

    #: as the flags of ``ce-nas search``; policy, searcher and forecaster, if any, are those of CE-NAS
    flags: Mapping[str, object]
    seeds: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.seeds:
            message = "Expected one seed or more, got none."
            raise SettingsError(message)

    def but(self, **flags: object) -> Mapping[str, object]:
        """The flags with some of them set otherwise."""
        return {**self.flags, **flags}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows for people."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Report:
    """What an experiment shows."""

    title: str
    #: for ``--json``: plain containers, all numbers finite or None
    content: Mapping[str, Any]
    tables: Sequence[Table]
    #: file name without ending to figure
    figures: Mapping[str, Figure]
    #: what a reader must know to believe the figures, a sentence each
    notes: Sequence[str] = field(default_factory=tuple)


class Experiment(ABC):
    """Names the runs it needs, and reports on what they found."""

    #: the name it is chosen by, and that of its files
    name: str

    @abstractmethod
    def cells(self) -> list[Cell]:
        """All runs, none twice.

        :raises CeNasError: if a setting is of no use.
        """

    @abstractmethod
    def report(self, findings: Sequence[Finding], words: Words = ENGLISH) -> Report:
        """What the findings of all cells, in the order of :meth:`cells`, come to.

        :param words: of titles, tables and notes; figures and ``content`` are the same in every language.
        """


def of_strategy(findings: Iterable[Finding], name: str, **axes: object) -> list[Finding]:
    """The findings of one strategy, at one place of each of ``axes``, by seed."""
    wanted = {"strategy": name, **axes}
    chosen = [one for one in findings if all(one.labels.get(key) == value for key, value in wanted.items())]
    return sorted(chosen, key=lambda one: one.labels["seed"])


def plain(content: Any) -> Any:  # noqa: ANN401 - containers of any shape
    """The same in containers that JSON knows: records as dictionaries, what is not finite as None."""
    if is_dataclass(content) and not isinstance(content, type):
        return plain(asdict(content))
    if isinstance(content, Mapping):
        return {str(key): plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [plain(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content
