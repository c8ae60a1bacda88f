"""``ce-nas config``: the settings, for editors and for people."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from ce_nas.apps.cli.shared_options import check_file, write_json

__all__ = ["app"]

app = typer.Typer(help="Describe the settings of a configuration file, and the form of results.", no_args_is_help=True)

OfOption = Annotated[str, typer.Option("--of", help="What it describes: settings, summary or journal.")]
OutOption = Annotated[Path, typer.Option("--out", help="File to write; - for standard output.", callback=check_file)]


@app.command("schema")
def schema(*, of: OfOption = "settings", out: OutOption = Path("-")) -> None:
    """Write a JSON Schema: of a configuration file, of a run's summary.json, or of the entries of its journal."""
    from ce_nas.core.errors import SettingsError, unknown_choice_message
    from ce_nas.integrations.published_schemas import SchemaName, published_schema

    if of not in get_args(SchemaName):
        raise SettingsError(unknown_choice_message("schema", of, get_args(SchemaName)))
    write_json(out, jsonlib.dumps(published_schema(cast("SchemaName", of)), indent=2) + "\n")


@app.command("docs")
def docs(*, out: OutOption = Path("-")) -> None:
    """Write the page of all settings, docs/settings.md, in Markdown."""
    from ce_nas.config.settings_page import render_settings_page

    write_json(out, render_settings_page())
