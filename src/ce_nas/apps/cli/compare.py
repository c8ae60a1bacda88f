"""``ce-nas compare``."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from ce_nas.apps.cli.bench import ProcessesOption, split_names
from ce_nas.apps.cli.shared_options import (
    HtmlOption,
    JsonOption,
    LangOption,
    QuietOption,
    make_folders,
    shows_text,
    with_setting_flags,
    write_json,
)

__all__ = ["compare"]

PoliciesOption = Annotated[str, typer.Option(help="Policies with commas between; ratios refer to the first.")]
SearchersOption = Annotated[str, typer.Option(help="Searchers with commas between.")]
ZonesOption = Annotated[str | None, typer.Option(help="Zones with commas between.  [default: solar, or the trace's]")]
SeedsOption = Annotated[int, typer.Option(help="Number of seeds: 0, 1, 2, ...", min=1)]


@with_setting_flags("policy", "searcher", "zone", "seed", live=False)
def compare(  # noqa: PLR0913 - one parameter per option
    *,
    policies: PoliciesOption = "vanilla,one-shot,hotcarbon",
    searchers: SearchersOption = "random,lamoo",
    zones: ZonesOption = None,
    seeds: SeedsOption = 5,
    processes: ProcessesOption = None,
    html: HtmlOption = None,
    lang: LangOption = None,
    json: JsonOption = None,
    quiet: QuietOption = False,
    **flags: Any,  # noqa: ANN401 - settings
) -> None:
    """Run policies x searchers x zones x seeds side by side, and show medians with bootstrap 95 % intervals."""
    from rich.progress import Progress

    from ce_nas.apps.cli.tables import print_sweep
    from ce_nas.experiments.strategies import combine
    from ce_nas.experiments.sweep import run_sweep, sweep_page
    from ce_nas.report.html import render_html
    from ce_nas.report.i18n.translator import Translator
    from ce_nas.store.run_dir import write_atomic

    translate = Translator(lang)
    strategies = [combine(policy, searcher) for searcher in split_names(searchers) for policy in split_names(policies)]
    zone_names: list[str | None] = [*split_names(zones)] if zones else [None]
    with Progress(disable=quiet, transient=True) as progress:
        bar = progress.add_task("runs", total=len(strategies) * len(zone_names) * seeds)
        sweep = run_sweep(
            strategies,
            zone_names,
            range(seeds),
            flags,
            processes=processes or os.cpu_count() or 1,
            on_run_finished=lambda _: progress.advance(bar),
        )
    if html:
        with make_folders(html):
            write_atomic(html, render_html(sweep_page(sweep, translate)))
    write_json(json, sweep.to_dict())
    if shows_text(json, quiet=quiet):
        print_sweep(sweep, translate)
