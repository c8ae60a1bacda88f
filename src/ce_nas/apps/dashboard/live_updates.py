"""One run, as far as it has come: its report, kept up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.analysis.replay_inputs import counterfactual_of
from ce_nas.apps.dashboard.layout import Frame, page, run_address
from ce_nas.core.errors import CeNasError
from ce_nas.report.page import Section
from ce_nas.report.run_report import run_page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.analysis.counterfactual import Counterfactual
    from ce_nas.report.i18n.words import Words
    from ce_nas.store.journal import Entry

__all__ = ["Ledgers", "live_page"]

#: seconds after which the page of a run that goes on asks for news
EVERY_S = 3.0
#: how many ledgers are kept
KEPT = 64


class Ledgers:
    """What the work of runs that have ended would have cost at other hours, worked out once each.

    :param later: has something done when there is time.
    """

    def __init__(self, later: Callable[[Callable[[], None]], None]) -> None:
        self._later = later
        self._found: dict[str, Counterfactual | str | None] = {}

    def of(self, entries: Sequence[Entry], digest: str) -> Counterfactual | str | None:
        """The ledger of a run that has ended, or why there can be none; None while it is being worked out.

        :param digest: tells its journal from others.
        """
        if digest not in self._found:
            while len(self._found) >= KEPT:
                self._found.pop(next(iter(self._found)))
            self._found[digest] = None
            self._later(lambda: self._work_out(entries, digest))
        return self._found[digest]

    def _work_out(self, entries: Sequence[Entry], digest: str) -> None:
        try:
            self._found[digest] = counterfactual_of(entries)
        except CeNasError as error:
            self._found[digest] = str(error)


def live_page(
    name: str, entries: Sequence[Entry], saved: Counterfactual | str | None, words: Words, *, goes_on: bool
) -> str:
    """The page.

    :param saved: None while it is being worked out, or before the run's end.
    :param goes_on: whether the run may still add to its journal.
    """
    report = run_page(entries, words, saved)
    sections = list(report.sections)
    if saved is None:
        text = words("board.saved.at_the_end" if goes_on else "board.saved.working")
        sections[1] = Section("saved", words("section.saved"), paragraphs=[text])
    every_s = EVERY_S if goes_on or saved is None else 0.0
    frame = Frame(report.title, f"`{name.replace('~', '/')}` {report.lead}", "runs", run_address(name), every_s)
    return page("run.html", frame, words, sections=sections, name=name)
