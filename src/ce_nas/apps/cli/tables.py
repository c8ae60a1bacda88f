"""Results as tables in a terminal."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Literal

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ce_nas.analysis.front_choice import choose
from ce_nas.core.formatting import format_carbon, format_duration, format_energy, format_interval, format_percentage
from ce_nas.core.units import HOUR_S
from ce_nas.report.clock_labels import format_run_hours, label_real_time
from ce_nas.report.estimate_section import estimate_sentence
from ce_nas.report.front import abbreviate, format_objectives, is_cell
from ce_nas.report.objective_scale import objective_scales
from ce_nas.report.sample_counts import describe_samples
from ce_nas.report.savings_section import savings_headline, savings_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import RenderableType

    from ce_nas.analysis.estimate_outcome import EstimateOutcome
    from ce_nas.analysis.savings import Savings
    from ce_nas.analysis.summary import RunSummary
    from ce_nas.experiments.sweep import SweepSummary
    from ce_nas.report.i18n.translator import Translator
    from ce_nas.report.page import ReportPage

__all__ = ["print_page", "print_summary", "print_sweep", "print_table", "print_text"]

#: architectures of the front that are shown, besides the recommended one
FRONT_ROWS = 8
#: signs of a Japanese word in the first column of a narrow table, after which it may be broken
FOLDED_SIGNS = 8
#: columns of a terminal from which everything fits
WIDE = 110


def print_summary(
    summary: RunSummary,
    saved: Savings,
    path: Path | None,
    translate: Translator,
    outcomes: Sequence[EstimateOutcome] = (),
) -> None:
    """Print the result of a run: what it saved, the recommended network, the front and what it took.

    :param outcomes: what was estimated before the run, with what it took.
    """
    console = Console(highlight=False)
    headline = Text.from_markup(
        re.sub(r"\*\*(.+?)\*\*", r"[bold green]\1[/]", escape(savings_headline(saved, translate)))
    )
    _print_trimmed(console, headline)
    if saved.rows:
        console.print()
        console.print(_savings_table(saved, translate, console.width))
        _print_trimmed(console, Text(translate("saved.brackets"), style="dim"))
    if summary.front:
        _print_recommendation(console, summary, path, translate)
        same = translate.format_unique_functions(len(summary.front), summary.unique_front_functions)
        console.print()
        console.print(translate("front.caption", count=len(summary.front), same=same), style="italic")
        console.print(_front_table(summary, translate, console.width))
        if is_cell(summary.front[0].architecture):
            _print_trimmed(console, Text(translate("term.cell"), style="dim"))
    _print_facts(console, summary, translate, outcomes)
    if path:
        console.print(translate("term.report", path=path / "report.html"), soft_wrap=True, markup=False)


def print_sweep(sweep: SweepSummary, translate: Translator) -> None:
    """Print a table per zone, a row per strategy: medians over the seeds with 95 % bootstrap intervals."""
    console = Console(highlight=False)
    _print_trimmed(console, Text(translate("many.lead")))
    header = [translate(f"many.{name}") for name in ("strategy", "kg", "hypervolume", "trainings", "times_less")]
    for zone in dict.fromkeys(row.zone for row in sweep.rows):
        rows = [
            (
                row.strategy,
                format_interval(row.carbon_kg),
                format_interval(row.hypervolume_share.scaled(100) if row.hypervolume_share else row.hypervolume),
                format_interval(row.evaluations),
                format_interval(row.carbon_ratio),
                format_percentage(row.reached_share),
            )
            for row in sweep.rows
            if row.zone == zone
        ]
        print_table(translate("many.zone", zone=zone), [*header, translate("many.reached.head")], rows)
    console.print()
    keys = ["many.kg.note", "many.ratio", "many.reached"]
    if any(row.hypervolume_share for row in sweep.rows):
        keys.append("many.share.note")
    for key in keys:
        _print_trimmed(console, Text(translate(key, reference=sweep.reference)))


def print_page(page: ReportPage) -> None:
    """Print the texts and tables of a page, as wide as the terminal; its figures are left out."""
    console = Console(highlight=False)
    _print_trimmed(console, Text(page.title, style="bold"))
    _print_trimmed(console, _inline(page.lead))
    for section in page.sections:
        console.print()
        _print_trimmed(console, Text(section.title, style="bold"))
        for paragraph in section.paragraphs:
            _print_trimmed(console, _inline(paragraph))
        for fact in section.facts:
            _print_trimmed(console, Text(f"{fact.label}: {fact.value}{f' ({fact.note.strip()})' if fact.note else ''}"))
        for table in section.tables:
            print_table(table.caption, table.header, table.rows)
        for note in section.notes:
            _print_trimmed(console, _inline(f"- {note}"))


def print_text(text: str) -> None:
    """Print a paragraph of a page, as wide as the terminal."""
    _print_trimmed(Console(highlight=False), _inline(text))


def _inline(text: str) -> Text:
    """A text with its ``**bold**`` parts in bold, and its code as it is."""
    return Text.from_markup(re.sub(r"\*\*(.+?)\*\*", r"[bold]\1[/]", escape(re.sub(r"`([^`]+)`", r"\1", text))))


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table of texts: the first column left-aligned, the others right-aligned.

    Where the terminal (80 columns in a pipe) is too narrow for it, intervals stand below what they belong to; where it
    is too narrow for that as well, each row becomes a list.
    """
    console = Console(highlight=False)
    console.print()
    _print_trimmed(console, Text(title, style="italic"))
    stacked = [[cell.replace(" [", "\n[") for cell in row] for row in rows]
    for cells, wraps in ((rows, False), (stacked, True)):
        if widths := _fit_columns([header, *cells], console.width, wraps=wraps):
            table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
            for index, (name, width) in enumerate(zip(header, widths, strict=True)):
                table.add_column(name, justify="right" if index else "left", width=width, overflow="fold")
            for row in cells:
                table.add_row(*row)
            _print_trimmed(console, table)
            return
    for row in rows:
        console.print()
        _print_trimmed(console, Text(row[0], style="bold"))
        for name, cell in zip(header[1:], row[1:], strict=True):
            if cell:
                _print_trimmed(console, Text(f"  {name}: {cell}"))


def _fit_columns(lines: Sequence[Sequence[str]], width: int, *, wraps: bool) -> list[int] | None:
    """Widths of the columns of a table whose first line is its header; None where it cannot fit.

    :param width: of the table, with two blanks between columns.
    :param wraps: whether the header and the first column may be wrapped between words.
    """
    widest, least = [], []
    for index, column in enumerate(zip(*lines, strict=True)):
        parts = [part for cell in column for part in cell.splitlines()]
        words = [word for cell in column[: 1 if index else None] for word in cell.split()]
        if index == 0:  # Japanese has few blanks, and may be broken anywhere
            words = [word if word.isascii() else word[:FOLDED_SIGNS] for word in words]
        unbroken = parts[1:] if index else []  # below the header
        widest.append(max(map(cell_len, parts), default=1))
        least.append(max(map(cell_len, [*words, *unbroken]), default=1) if wraps else widest[-1])
    spare = width - 2 * (len(least) - 1) - sum(least)
    if spare < 0:
        return None
    for index, (narrow, wide) in enumerate(zip(least, widest, strict=True)):
        least[index] = min(wide, narrow + spare)
        spare -= least[index] - narrow
    return least


def _savings_table(saved: Savings, translate: Translator, width: int) -> Table:
    """The other ways, the most carbon first, without what they rest on in a narrow terminal."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    keys = ["against", "taken", "less", *(["basis"] if width >= WIDE else [])]
    for index, key in enumerate(keys):
        side: Literal["left", "right"] = "left" if index in {0, 3} else "right"
        table.add_column(translate(f"saved.{key}"), justify=side, no_wrap=index > 0, overflow="fold")
    for row in savings_rows(saved, translate, short=width < WIDE):
        table.add_row(*row[: len(keys)])
    return table


def _print_recommendation(console: Console, summary: RunSummary, path: Path | None, translate: Translator) -> None:
    choice = choose(summary)
    console.print()
    values = format_objectives(choice.member.objectives, summary.objectives, translate)
    code = abbreviate(choice.member.architecture)
    console.print(translate("term.take", code=code, values=values), style="bold", markup=False)
    if code != choice.member.architecture:
        console.print(f"  {choice.member.architecture}", style="dim", markup=False, soft_wrap=True)
    if len(summary.front) > 1 and path:
        command = f"ce-nas choose {shlex.quote(str(path))} --rule ..."
        console.print(translate("term.other", command=command), markup=False, soft_wrap=True)


def _front_table(summary: RunSummary, translate: Translator, width: int) -> Table:
    """Some of the front, both ends and the recommended one among them, by a number and a short code."""
    front, chosen = summary.front, choose(summary).member
    shown = sorted({*_spread(len(front), FRONT_ROWS), front.index(chosen)})
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("#", justify="right")
    table.add_column(translate("architecture"), no_wrap=True)
    scales = objective_scales(summary.objectives, front)
    for scale in scales:
        table.add_column(f"{scale.name} {scale.unit}".strip(), justify="right", no_wrap=True)
    for index in shown:
        member = front[index]
        values = [f"{scale.value(member):,.4g}" for scale in scales]
        is_chosen = member is chosen
        code = abbreviate(member.architecture, max(width - 14 * len(values) - 6, 16))
        table.add_row(f"{'*' if is_chosen else ''}{index + 1}", code, *values, style="bold" if is_chosen else "")
    return table


def _spread(count: int, shown: int) -> list[int]:
    """At most ``shown`` indices from the first to the last of ``count``, evenly apart."""
    if count <= shown:
        return list(range(count))
    return [round(index * (count - 1) / (shown - 1)) for index in range(shown)]


def _print_facts(
    console: Console, summary: RunSummary, translate: Translator, outcomes: Sequence[EstimateOutcome]
) -> None:
    """What the run found, what it took, and why it ended."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")  # Japanese has few blanks to break a line at
    share = (
        ""
        if summary.hypervolume_share is None
        else translate("of_maximum", share=format_percentage(summary.hypervolume_share, 2))
    )
    functions = translate.format_unique_functions(summary.evaluations, summary.unique_functions)
    found = translate(
        "term.found.text", trainings=f"{summary.evaluations:,}", functions=functions,
        samples=describe_samples(summary, translate, "long"),
        hypervolume=f"{summary.hypervolume:,.5g}",
    )  # fmt: skip
    if summary.objectives:
        facts.add_row(translate("term.found"), translate.join([found, *([share] if share else [])]))
    largest = sorted(summary.carbon_g_by_activity.items(), key=lambda pair: -pair[1])
    parts = translate.join(f"{translate(f'activity.{name}')} {format_carbon(grams)}" for name, grams in largest[:3])
    held = format_duration(sum(summary.device_hours_by_activity.values()) * HOUR_S)
    facts.add_row(
        translate("term.used"),
        translate("term.used.text", carbon=format_carbon(summary.carbon_g["full"]),
                  energy=format_energy(summary.energy_j),
                  hours=label_real_time(held, summary, translate), parts=parts or "-"),
    )  # fmt: skip
    if outcomes:
        facts.add_row(translate("term.expected"), estimate_sentence(outcomes, translate))
    synthetic = f" ({translate('synthetic')})" if summary.grid["synthetic"] else ""
    facts.add_row(
        translate("term.run"),
        translate("term.run.text", policy=summary.policy, searcher=summary.searcher, seed=summary.seed,
                  gpus=summary.gpus,
                  hours=format_run_hours(summary, translate, lambda hours: format_duration(hours * HOUR_S)),
                  zone=f"{summary.grid['zone']}{synthetic}"),
    )  # fmt: skip
    if summary.cost:
        facts.add_row(translate("money").lower(), f"{summary.cost:,.2f} ({translate('money.note')})")
    facts.add_row(translate("term.end"), translate.stop_reason(summary.stop))
    if notes := summary.grid.get("notes"):
        facts.add_row(translate("grid.note"), escape("; ".join(notes)))
    console.print()
    _print_trimmed(console, facts)


def _print_trimmed(console: Console, content: RenderableType) -> None:
    """Print without the blanks at the ends of wrapped lines and of last columns."""
    with console.capture() as capture:
        console.print(content)
    console.out("\n".join(line.rstrip() for line in capture.get().splitlines()), highlight=False)
