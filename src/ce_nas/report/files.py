"""The files of a report, written beside the journal that they are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.report.figures import overview
from ce_nas.report.markdown import markdown
from ce_nas.report.summary import summarise
from ce_nas.store.folder import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ce_nas.store.journal import Entry

__all__ = ["write_report"]


def write_report(folder: Path, entries: Sequence[Entry]) -> None:
    """Write ``summary.json``, ``report.md`` and ``report.png``; the same journal gives the same bytes.

    :raises StoreError: if a file cannot be written; the others, and the journal, are whole.
    """
    write_whole(folder / "summary.json", summarise(entries).to_json())
    write_whole(folder / "report.md", markdown(entries))
    write_whole(folder / "report.png", overview(entries))
