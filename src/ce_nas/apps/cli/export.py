"""``ce-nas export``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ce_nas.apps.cli.shared_options import RunArgument, check_file, make_folders

__all__ = ["export"]

ToOption = Annotated[
    str,
    typer.Option(
        help="Form: csv or parquet (a row per result), model-card (Hugging Face), boamps, codecarbon, sci (ISO/IEC "
        "21031), ai-act (the energy item).",
        show_default=False,
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="New file; standard output by default, but for parquet.",
        show_default=False,
        callback=check_file,
    ),
]
EmbodiedOption = Annotated[
    float | None,
    typer.Option(
        "--embodied", help="Embodied carbon of an hour of a device, g; a GPU's by default.", show_default=False
    ),
]
WaterOption = Annotated[
    float | None,
    typer.Option("--water", help="Water for a kWh, L; a data centre's on site by default.", show_default=False),
]


def export(
    run: RunArgument,
    *,
    to: ToOption,
    out: OutOption = None,
    embodied: EmbodiedOption = None,
    water: WaterOption = None,
) -> None:
    """Export a finished run for other tools and reports; embodied carbon and water are stated apart."""
    from ce_nas.api import Result
    from ce_nas.core.errors import SettingsError, StoreError
    from ce_nas.integrations.exports.export_run import export as export_run
    from ce_nas.store.run_dir import write_atomic

    if out is not None and out.exists():
        message = f"Expected a new file, but {str(out)!r} exists; choose another --out."
        raise StoreError(message)
    if out is None and to == "parquet":
        message = "Expected a file for parquet, which is no text; name one with --out."
        raise SettingsError(message)
    content = export_run(Result.read(run), to, embodied_g_per_device_hour=embodied, water_l_per_kwh=water)
    if out is None:
        sys.stdout.write(content.decode())
    else:
        with make_folders(out):
            write_atomic(out, content)
        typer.echo(f"Wrote {out}.")
