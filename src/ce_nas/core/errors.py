"""Everything this package raises on purpose.

::

    CeNasError
    ├── SettingsError      a setting, flag or argument that cannot be used
    │   └── ZoneError      a zone that a live source does not have (grid.live)
    ├── DataError          a file or table whose content cannot be used
    │   ├── TraceError     a series of grid carbon intensity (or prices)
    │   │   └── SourceError  a live source that does not answer as it should (grid.live)
    │   ├── FetchError     a file that could not be fetched (library)
    │   ├── TableError     a benchmark table or a table of cheap scores
    │   └── ModelError     a file of a fitted model
    ├── StoreError         a run folder that cannot be written, read or continued
    │   └── ReplayError    a resumed run that no longer does what its journal says
    ├── EnergyError        a reading that is missing or cannot be true
    ├── ClusterError       devices that cannot be used
    ├── TaskError          a task that failed in a way that has a name (evaluate.executor)
    ├── DivergedError      a training whose loss is no longer a number (training.trainer)
    └── MissingExtraError  an optional dependency that is not installed

A message is one sentence or two that say what is wrong, what was expected, what was found and the way out.
The command line prints it as it stands and ends with status 2.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "CeNasError",
    "ClusterError",
    "DataError",
    "EnergyError",
    "MissingExtraError",
    "ModelError",
    "ReplayError",
    "SettingsError",
    "StoreError",
    "TableError",
    "TraceError",
    "one_of",
]


class CeNasError(Exception):
    """The root of the tree: catch this to catch whatever the package raises on purpose."""


class SettingsError(CeNasError):
    """A setting, flag or argument that cannot be used."""


class DataError(CeNasError):
    """A file or table whose content cannot be used."""


class TraceError(DataError):
    """A series of grid carbon intensity or of prices that cannot be used."""


class ModelError(DataError):
    """A file of a fitted model that cannot be used."""


class TableError(DataError):
    """A benchmark table, or a table of cheap scores, that cannot be used."""


class StoreError(CeNasError):
    """A run folder that cannot be written, read or continued."""


class ReplayError(StoreError):
    """A resumed run that no longer does what its journal says it did."""


class EnergyError(CeNasError):
    """An energy reading that is missing or cannot be true."""


class ClusterError(CeNasError):
    """Devices that cannot be used."""


class MissingExtraError(CeNasError):
    """An optional dependency that is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the package {package!r}; install it with: pip install 'ce-nas[{extra}]'")


def one_of(what: str, got: str, choices: Iterable[str]) -> str:
    """The sentence for a name that is not among ``choices``, with the nearest one suggested."""
    known = sorted(choices)
    near = difflib.get_close_matches(got, known, n=1, cutoff=0.6)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"Unknown {what} {got!r}; expected one of: {', '.join(known)}.{hint}"
