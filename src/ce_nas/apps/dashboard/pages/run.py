"""The page of one run: its report so far, kept up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.analysis.counterfactual import counterfactual_from_journal
from ce_nas.analysis.savings import Savings
from ce_nas.analysis.summary import summarise
from ce_nas.apps.dashboard.layout import PageLayout, render_page, run_address
from ce_nas.core.errors import CeNasError
from ce_nas.report.run_report import build_run_report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.analysis.counterfactual import Counterfactual
    from ce_nas.report.i18n.translator import Translator
    from ce_nas.store.journal import JournalEntry

__all__ = ["CounterfactualCache", "run_page"]

#: seconds after which the page of a run that has not ended asks for an update
REFRESH_INTERVAL_S = 3.0
#: counterfactuals in the cache; the oldest are dropped
MAX_CACHED_COUNTERFACTUALS = 64


class CounterfactualCache:
    """Computes what the work of finished runs would have cost at other hours, once per run.

    :param submit: runs a function in the background.
    """

    def __init__(self, submit: Callable[[Callable[[], None]], None]) -> None:
        self._submit = submit
        self._results: dict[str, Counterfactual | str | None] = {}

    def get(self, entries: Sequence[JournalEntry], journal_sha256: str) -> Counterfactual | str | None:
        """The counterfactual of a finished run, or why there is none; None while it is computed.

        :param journal_sha256: identifies the journal.
        """
        if journal_sha256 not in self._results:
            while len(self._results) >= MAX_CACHED_COUNTERFACTUALS:
                self._results.pop(next(iter(self._results)))
            self._results[journal_sha256] = None
            self._submit(lambda: self._compute(entries, journal_sha256))
        return self._results[journal_sha256]

    def _compute(self, entries: Sequence[JournalEntry], journal_sha256: str) -> None:
        try:
            self._results[journal_sha256] = counterfactual_from_journal(entries)
        except CeNasError as error:
            self._results[journal_sha256] = str(error)


def run_page(
    name: str,
    entries: Sequence[JournalEntry],
    counterfactual: Counterfactual | str | None,
    translate: Translator,
    *,
    is_running: bool,
) -> str:
    """Render the page.

    :param counterfactual: None while it is computed, or before the run's end.
    :param is_running: whether the run may still append to its journal.
    """
    saved = None
    if counterfactual is None:  # computing it at every refresh would take longer than the time between two
        summary, text = summarise(entries), translate("board.saved.at_the_end" if is_running else "board.saved.working")
        used_g, reason = summary.carbon_g["full"], {"at-once": text}
        saved = Savings(used_g, summary.hypervolume, summary.hypervolume_share, (), reason)
    report = build_run_report(entries, translate, counterfactual, saved)
    sections = list(report.sections)
    interval_s = REFRESH_INTERVAL_S if is_running or counterfactual is None else 0.0
    lead = f"`{name.replace('~', '/')}` {report.lead}"
    layout = PageLayout(report.title, lead, "runs", run_address(name), interval_s)
    return render_page("run.html", layout, translate, sections=sections, name=name)
