"""The result of a search: its front, its table, a choice by a stated rule, its savings, and its report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ce_nas.analysis.front_choice import choose
from ce_nas.analysis.savings import Savings, savings
from ce_nas.analysis.summary import run_header, summarise
from ce_nas.core.errors import StoreError
from ce_nas.core.units import HOUR_S
from ce_nas.report.files import render_summary_json, write_report
from ce_nas.report.notebook import RunFront, format_run_line, render_run_html
from ce_nas.store.run_dir import read_run_entries, write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from ce_nas.analysis.summary import RunSummary
    from ce_nas.report.model_card import NetworkCard
    from ce_nas.store.journal import JournalEntry

__all__ = ["ChosenArchitecture", "Result"]


@dataclass(frozen=True, slots=True)
class ChosenArchitecture:
    """One architecture of a result's front, and why it was chosen."""

    #: its text; of a space of one's own a dict from each variable that counts to its value
    architecture: str | dict[str, Any]
    #: objective to value, in the metric's own unit and direction
    objectives: dict[str, float]
    #: in words
    reason: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Result:
    """The result of a search, finished or in progress; a notebook shows it with its figures.

    Example:
        >>> import ce_nas
        >>> result = ce_nas.run(searcher="random", policy="vanilla", gpus=2, hours=2)
        >>> result.summary.stop
        'deadline'
        >>> len(result.front) > 0
        True
        >>> list(result.to_frame().columns)
        ['architecture', 'accuracy', 'latency', 'fidelity', 'hours', 'carbon_g', 'on_front']
    """

    summary: RunSummary
    #: the journal's entries
    entries: Sequence[JournalEntry]
    #: the run folder; None if the run was kept in memory
    path: Path | None = None

    @classmethod
    def read(cls, path: str | Path) -> Result:
        """The result of the run in a folder, also while it is in progress.

        :raises StoreError: if there is no run.
        """
        entries = read_run_entries(Path(path))
        return cls(summarise(entries), entries, Path(path))

    @property
    def front(self) -> RunFront:
        """The Pareto front of the trained architectures, best first by the first objective."""
        return RunFront(self.summary)

    @property
    def network(self) -> NetworkCard | None:
        """The trained network of the run, with its test accuracy and the grams of each stage; None without one."""
        from ce_nas.final_network import read_network_card

        return read_network_card(self.path) if self.path else None

    @property
    def savings(self) -> Savings:
        """What the run saved, against every other way that can be computed; computed at each call."""
        return savings(self.entries)

    def to_frame(self) -> pd.DataFrame:
        """One row per evaluated architecture: its text, its objectives, and the hours and grams until then.

        ``fidelity`` is the share of a full training; ``carbon_g`` is by the full accounting.
        """
        import pandas as pd

        objectives = self.summary.objectives
        front = {member.architecture for member in self.summary.front}
        rows = [
            {
                "architecture": content["architecture_text"],
                **{
                    objective["name"]: -value if objective["maximise"] else value
                    for objective, value in zip(objectives, content["values"], strict=True)
                },
                "fidelity": content["fidelity"],
                "hours": entry.at_s / HOUR_S,
                "carbon_g": content["carbon_g"],
                "on_front": content["fidelity"] == 1.0 and content["architecture_text"] in front,
            }
            for entry in self.entries
            if entry.kind == "evaluated" and (content := entry.content)
        ]
        names = [objective["name"] for objective in objectives]
        return pd.DataFrame(rows, columns=["architecture", *names, "fidelity", "hours", "carbon_g", "on_front"])

    def choose(self, rule: str = "knee") -> ChosenArchitecture:
        """One architecture of the front, with the reason in words.

        :param rule: ``knee``, where one objective can be improved only at a high price in another; weights such as
            ``accuracy=2,latency=1``; or bounds such as ``accuracy>=91`` or ``latency<=15ms``, and among the
            architectures that keep them the best by the other objectives.
        :raises SettingsError: if there is no such rule, or no architecture of the front keeps the bounds.
        """
        from ce_nas.report.front import explain_choice
        from ce_nas.report.i18n.translator import Translator

        choice = choose(self.summary, rule)
        reason = explain_choice(choice, self.summary, Translator("en"))
        architecture = _read_architecture(self.entries, choice.member.architecture)
        return ChosenArchitecture(architecture, dict(choice.member.objectives), reason)

    def report(self, path: str | Path, language: str | None = None) -> Path:
        """Write the report, and return where it is.

        :param path: a file that ends in ``.html``, ``.md``, ``.png`` or ``.json``, or a folder for all of them.
        :param language: ``en`` or ``ja``; None: the language of the locale.
        :raises StoreError: if a file cannot be written.
        :raises MissingExtraError: for a PNG, without the extra ``plots``; a folder then holds the others.
        """
        from ce_nas.report.html import render_html
        from ce_nas.report.i18n.translator import Translator
        from ce_nas.report.markdown import render_markdown
        from ce_nas.report.plotting.run_overview import draw_overview
        from ce_nas.report.run_report import build_run_report

        path = Path(path)
        renderers: Mapping[str, Any] = {
            ".html": lambda: render_html(build_run_report(self.entries, Translator(language))),
            ".md": lambda: render_markdown(build_run_report(self.entries, Translator(language))),
            ".png": lambda: draw_overview(self.entries),
            ".json": lambda: render_summary_json(self.summary, savings(self.entries)),
        }
        if path.suffix in renderers:
            content = renderers[path.suffix]()
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, content)
        elif path.suffix:
            message = f"Expected a folder, or a file that ends in {', '.join(renderers)}, got {str(path)!r}."
            raise StoreError(message)
        else:
            path.mkdir(parents=True, exist_ok=True)
            write_report(path, self.entries, language)
        return path

    def __repr__(self) -> str:
        return f"<Result {format_run_line(self.summary)}>"

    def _repr_html_(self) -> str:
        return render_run_html(self.entries)


def _read_architecture(entries: Sequence[JournalEntry], text: str) -> str | dict[str, Any]:
    """An architecture by its text; of a space of the user's own as a dict."""
    header = run_header(entries)
    record = header["benchmark"].get("own_space")
    if record is None:
        return text
    from ce_nas.benchmarks.user_space_record import read_user_space

    user_space = read_user_space(record, header["objectives"])
    return user_space.decode(user_space.space.parse(text))
