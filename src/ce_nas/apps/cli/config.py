"""``ce-nas config``: the settings, for editors and for people."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated

import typer

from ce_nas.apps.cli.shared_options import write_json

__all__ = ["app"]

app = typer.Typer(help="Describe the settings of a configuration file.", no_args_is_help=True)

OutOption = Annotated[Path, typer.Option("--out", help="File to write; - for standard output.")]


@app.command("schema")
def schema(*, out: OutOption = Path("-")) -> None:
    """Write the JSON Schema of a configuration file, with the options of every policy, searcher, ..."""
    from ce_nas.config.schema import Settings

    write_json(out, jsonlib.dumps(Settings.model_json_schema(), indent=2) + "\n")


@app.command("docs")
def docs(*, out: OutOption = Path("-")) -> None:
    """Write the page of all settings, docs/settings.md, in Markdown."""
    from ce_nas.config.settings_page import render_settings_page

    write_json(out, render_settings_page())
