"""``ce-nas data``: official benchmark tables and grid traces: list, download, import and verify them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ce_nas.apps.cli.shared_options import JsonOption, QuietOption, shows_text, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.datasets.catalog import CatalogEntry
    from ce_nas.datasets.importers.base import ImportedFile
    from ce_nas.datasets.store import DataStore

__all__ = ["app"]

app = typer.Typer(
    help="Official benchmark tables and grid traces: list, download, import and verify them.",
    no_args_is_help=True,
)

NameArgument = Annotated[str, typer.Argument(help="The data set, as ce-nas data list names it.", show_default=False)]
FilesArgument = Annotated[
    list[Path], typer.Argument(help="The official files, or a folder of them.", show_default=False)
]
NamesArgument = Annotated[list[str] | None, typer.Argument(help="Data sets; all imported ones by default.")]
ReplaceOption = Annotated[bool, typer.Option("--replace", help="Replace data that was imported before.")]
ZoneOption = Annotated[str, typer.Option(help="Zone of a grid by the publisher's name, such as CISO.")]
MirrorOption = Annotated[str | None, typer.Option(help="Download from this folder instead of the official one.")]
Sha256Option = Annotated[str | None, typer.Option(help="Expected checksum of the file.", show_default=False)]


FactorsOption = Annotated[str | None, typer.Option(help="lifecycle or direct, where files do not say.")]
StatedZoneOption = Annotated[
    str | None, typer.Option("--zone", help="Zone of the files, where they have no column of zones.")
]
TimeColumnOption = Annotated[str | None, typer.Option(help="Column of the times, where it is not found.")]
IntensityColumnOption = Annotated[str | None, typer.Option(help="Column of the intensities, where it is not found.")]
UnitOption = Annotated[str | None, typer.Option(help="Unit of the intensities, where files do not say: lb/MWh.")]
TimezoneOption = Annotated[str | None, typer.Option(help="Time zone of times without an offset; UTC by default.")]


@app.command("decode")
def decode(
    source: Annotated[Path, typer.Argument(help="Folder of images: train/CLASS/*, train*.tar or train*.parquet.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder of the cache, for --data; an interrupted one is continued.")],
    size: Annotated[int, typer.Option(help="Side of the cached images, pixels.", min=8)] = 256,
    workers: Annotated[int, typer.Option(help="Decoding threads.", min=1)] = 4,
    quiet: QuietOption = False,
) -> None:
    """Decode images once to files on disk, which all trainings share."""
    from ce_nas.apps.cli.display import show_count
    from ce_nas.training.data.image_cache import decode_to_cache

    with show_count("decoded images", quiet=quiet) as on_progress:
        decode_to_cache(source, out, size, workers=workers, on_progress=on_progress)


@app.command("list")
def list_data_sets(*, json: JsonOption = None, quiet: QuietOption = False) -> None:
    """List the data sets: what is imported, its size and licence, and how to get the others."""
    from ce_nas.datasets.catalog import CATALOG
    from ce_nas.datasets.store import DataStore

    store = DataStore()
    content = [_data_set_content(dataset, store) for dataset in CATALOG]
    write_json(json, {"folder": str(store.root), "data_sets": content})
    if shows_text(json, quiet=quiet):
        _print_data_sets(content, store)


@app.command("fetch")
def fetch(  # noqa: PLR0913 - one parameter per option
    name: NameArgument,
    *,
    zone: ZoneOption = "",
    mirror: MirrorOption = None,
    sha256: Sha256Option = None,
    replace: ReplaceOption = False,
    json: JsonOption = None,
    quiet: QuietOption = False,
) -> None:
    """Download a data set from its publisher, resuming an interrupted download, and import it."""
    from ce_nas.apps.cli.display import show_download
    from ce_nas.core.clock import utc_now
    from ce_nas.datasets.catalog import find_catalog_entry
    from ce_nas.datasets.download import download_files, find_imported, resolve_urls
    from ce_nas.datasets.importers.base import ImportChange, ImportedFile, import_files
    from ce_nas.datasets.store import DataStore

    dataset, store = find_catalog_entry(name), DataStore()
    urls = resolve_urls(dataset, zone=zone, mirror=mirror, sha256=sha256)
    if not replace and (imported := find_imported(store.read_manifest(name), urls.values())):
        unchanged = [ImportedFile(file, ImportChange.UNCHANGED) for file in imported]
        _print_imports(unchanged, dataset, store, json, quiet=quiet)
        return
    with show_download(quiet=quiet) as progress:
        files = download_files(urls, store.make_download_folder(name), sha256=sha256, progress=progress)
    imports = import_files(dataset, list(files), store, utc_now(), replace=replace, urls=files)
    for file in files:  # their content is imported; keeping them would only take space
        file.unlink()
    _print_imports(imports, dataset, store, json, quiet=quiet)


@app.command("import")
def import_(  # noqa: PLR0913 - one parameter per option
    name: NameArgument,
    files: FilesArgument,
    *,
    zone: StatedZoneOption = None,
    factors: FactorsOption = None,
    time_column: TimeColumnOption = None,
    intensity_column: IntensityColumnOption = None,
    unit: UnitOption = None,
    timezone: TimezoneOption = None,
    replace: ReplaceOption = False,
    json: JsonOption = None,
    quiet: QuietOption = False,
) -> None:
    """Read and check official files on this machine, and store their content.

    Zone, factors, columns, unit and time zone are those of files of carbon intensity.
    """
    from ce_nas.core.clock import utc_now
    from ce_nas.core.errors import SettingsError, unknown_choice_message
    from ce_nas.datasets.catalog import find_catalog_entry
    from ce_nas.datasets.importers.base import TraceLayout, import_files
    from ce_nas.datasets.store import DataStore
    from ce_nas.grid.trace import EmissionFactorType

    if factors is not None and factors not in list(EmissionFactorType):
        raise SettingsError(unknown_choice_message("type of emission factors", factors, list(EmissionFactorType)))
    kind = EmissionFactorType(factors) if factors else None
    layout = TraceLayout(zone, kind, time_column, intensity_column, unit, timezone)
    dataset, store = find_catalog_entry(name), DataStore()
    imports = import_files(dataset, files, store, utc_now(), replace=replace, layout=layout)
    _print_imports(imports, dataset, store, json, quiet=quiet)


@app.command("verify")
def verify(names: NamesArgument = None, *, json: JsonOption = None, quiet: QuietOption = False) -> None:
    """Compare every file with its checksum in the manifest; exit status 1 if one is missing or has changed."""
    from ce_nas.datasets.catalog import CATALOG, find_catalog_entry
    from ce_nas.datasets.store import DataStore

    store = DataStore()
    datasets = [find_catalog_entry(name) for name in names] if names else CATALOG
    manifests = [manifest for dataset in datasets if (manifest := store.read_manifest(dataset.name))]
    checks = [
        {"name": manifest.name, "file": file.file, "ok": not error, "error": error}
        for manifest in manifests
        for file, error in store.verify(manifest)
    ]
    write_json(json, checks)
    if shows_text(json, quiet=quiet):
        _print_verification(checks, store)
    if not all(check["ok"] for check in checks):
        raise typer.Exit(1)


def _data_set_content(dataset: CatalogEntry, store: DataStore) -> dict[str, Any]:
    """A data set and its imported files as plain containers."""
    manifest = store.read_manifest(dataset.name)
    files = manifest.files if manifest else ()
    return {
        "name": dataset.name,
        "title": dataset.title,
        "licence": dataset.licence,
        "homepage": dataset.homepage,
        "how_to_get": dataset.how_to_get,
        "expected_files": dataset.expected_files,
        "usage": dataset.usage,
        "imported": bool(files),
        "size_bytes": sum(file.size_bytes for file in files),
        "files": [asdict(file) for file in files],
    }


def _print_data_sets(content: Sequence[dict[str, Any]], store: DataStore) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"Data sets in {store.root}", title_justify="left", show_lines=True)
    for heading in ("name", "content", "licence", "imported", "how to get and use it"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "name")
    for dataset in content:
        count, usage = len(dataset["files"]), f"use: {dataset['usage']}"
        state = f"{count} file{'s' * (count > 1)}, {_format_size(dataset['size_bytes'])}" if count else "no"
        how = usage if count else f"{dataset['how_to_get']}\n{usage}"
        table.add_row(dataset["name"], dataset["title"], dataset["licence"], state, how)
    Console(highlight=False).print(table)


def _print_imports(
    imports: Sequence[ImportedFile], dataset: CatalogEntry, store: DataStore, json: Path | None, *, quiet: bool
) -> None:
    """Show what an import changed, and how to use the data."""
    from rich.console import Console

    write_json(json, [{"change": imported.change, **asdict(imported.stored_file)} for imported in imports])
    if not shows_text(json, quiet=quiet):
        return
    console = Console(highlight=False, soft_wrap=True)
    for imported in imports:
        file = imported.stored_file
        origins = ", ".join(origin.name for origin in file.origins)
        path, size = store.root / dataset.name / file.file, _format_size(file.size_bytes)
        console.print(f"{imported.change}: {path}, {file.rows:,} rows, {size}, from {origins}")
        for note in file.notes:
            console.print(f"  {note}")
    console.print(f"Licence: {dataset.licence}. Use: {dataset.usage}")


def _print_verification(checks: Sequence[dict[str, Any]], store: DataStore) -> None:
    for check in checks:
        typer.echo(f"{check['name']}/{check['file']} {'is unchanged' if check['ok'] else check['error']}")
    if not checks:
        typer.echo(f"Nothing was imported into {store.root}; see: ce-nas data list")


def _format_size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB" if size_bytes >= 1e5 else f"{size_bytes / 1e3:,.1f} kB"
