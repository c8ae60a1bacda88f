"""``ce-nas compare``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from ce_nas.apps.cli.flags import LIVE, Json, Lang, Quiet, takes_settings, write_json

__all__ = ["compare"]

Policies = Annotated[str, typer.Option(help="Policies with commas between; ratios refer to the first.")]
Searchers = Annotated[str, typer.Option(help="Searchers with commas between.")]
Zones = Annotated[str | None, typer.Option(help="Zones with commas between.  [default: solar, or the trace's]")]
Seeds = Annotated[int, typer.Option(help="How many seeds: 0, 1, 2, ...", min=1)]
Processes = Annotated[int | None, typer.Option(help="Processes at once.  [default: one a core]", min=1)]
Html = Annotated[Path | None, typer.Option("--html", help="Also write a page.", show_default=False)]


@takes_settings("policy", "searcher", "zone", "seed", *LIVE)
def compare(  # noqa: PLR0913 - what is compared, how, and where the result goes
    *,
    policies: Policies = "all-evaluation,all-sampling,heuristic",
    searchers: Searchers = "uniform,lamoo",
    zones: Zones = None,
    seeds: Seeds = 5,
    processes: Processes = None,
    html: Html = None,
    lang: Lang = None,
    json: Json = None,
    quiet: Quiet = False,
    **flags: Any,  # noqa: ANN401 - whatever the shared settings are
) -> None:
    """Run policies x searchers x zones x seeds side by side, and show medians with bootstrap 95 % intervals."""
    from rich.progress import Progress

    from ce_nas.apps.cli.tables import print_comparison
    from ce_nas.experiments.compare import Strategy
    from ce_nas.experiments.compare import compare as run_all
    from ce_nas.experiments.output import comparison_page
    from ce_nas.report.html import html as as_html
    from ce_nas.report.i18n.words import Words
    from ce_nas.store.run_dir import write_whole

    words = Words(lang)
    strategies = [Strategy(policy, searcher) for searcher in _split(searchers) for policy in _split(policies)]
    places: list[str | None] = [*_split(zones)] if zones else [None]
    with Progress(disable=quiet, transient=True) as progress:
        bar = progress.add_task("runs", total=len(strategies) * len(places) * seeds)
        comparison = run_all(
            strategies,
            places,
            range(seeds),
            flags,
            processes=processes or os.cpu_count() or 1,
            observe=lambda _: progress.advance(bar),
        )
    if html:
        write_whole(html, as_html(comparison_page(comparison, words)))
    write_json(json, comparison.to_dict())
    if not quiet:
        print_comparison(comparison)


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]
