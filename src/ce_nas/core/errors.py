"""Exceptions of the package.

::

    CeNasError
    ├── SettingsError      an invalid setting, flag or argument
    │   └── ZoneError      a zone that a carbon-intensity provider does not have (grid.providers.provider_errors)
    ├── DataError          a file or table with invalid content
    │   ├── TraceError     an invalid series of carbon intensity or prices
    │   │   └── ProviderError  a failed request to a carbon-intensity provider (grid.providers.provider_errors)
    │   ├── DownloadError  a failed download (datasets.download)
    │   ├── TableError     an invalid benchmark table, or table of proxy scores
    │   └── ModelError     an invalid file of a fitted model
    ├── StoreError         a run directory that cannot be written, read or resumed
    │   └── ReplayError    a resumed run that differs from its journal
    ├── EnergyError        a missing or impossible energy reading
    ├── ClusterError       devices that cannot be used
    │   └── TrainingsFailedError  the first trainings of a live search all failed
    ├── TaskError          a failed task, with the kind of its failure (benchmarks.base)
    ├── DivergedError      a training whose loss is not finite (training.trainer)
    └── MissingExtraError  an optional dependency that is not installed

A message has one or two sentences: what is wrong, what was expected, what was got, and the way out. The command line
prints the message alone and exits with the error's status: 2, or 1 where it was the trainings that failed.
"""

from __future__ import annotations

import difflib
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar

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
    "TrainingsFailedError",
    "require_parquet",
    "unknown_choice_message",
]


class CeNasError(Exception):
    """The base of all exceptions of the package."""

    #: exit status of a command that it ends
    exit_status: ClassVar[int] = 2


class SettingsError(CeNasError):
    """An invalid setting, flag or argument."""


class DataError(CeNasError):
    """A file or table with invalid content."""


class TraceError(DataError):
    """An invalid series of carbon intensity or prices."""


class ModelError(DataError):
    """An invalid file of a fitted model."""


class TableError(DataError):
    """An invalid benchmark table, or table of proxy scores."""


class StoreError(CeNasError):
    """A run directory that cannot be written, read or resumed."""


class ReplayError(StoreError):
    """A resumed run that differs from its journal."""


class EnergyError(CeNasError):
    """A missing or impossible energy reading."""


class ClusterError(CeNasError):
    """Devices that cannot be used."""


class TrainingsFailedError(ClusterError):
    """The first trainings of a live search all failed."""

    exit_status = 1


class MissingExtraError(CeNasError):
    """An optional dependency that is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the package {package!r}; install it with: pip install 'ce-nas[{extra}]'")


def require_parquet(purpose: str) -> None:
    """Make sure that Parquet files can be read and written.

    :param purpose: what needs it, as the beginning of a sentence.
    :raises MissingExtraError: if pyarrow is not installed.
    """
    if find_spec("pyarrow") is None:
        package = "pyarrow"
        raise MissingExtraError(package, "parquet", purpose)


def unknown_choice_message(kind: str, name: str, choices: Iterable[str]) -> str:
    """Build the message for an unknown name; suggests the closest of ``choices``."""
    known = sorted(choices)
    matches = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f" Did you mean {matches[0]!r}?" if matches else ""
    return f"Unknown {kind} {name!r}; expected one of: {', '.join(known)}.{hint}"
