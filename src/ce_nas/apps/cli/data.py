"""``ce-nas data``: official benchmark tables and grid traces, fetched or imported, and looked after."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ce_nas.apps.cli.flags import Json, Quiet, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.datasets.catalog import DataSet
    from ce_nas.datasets.importers.base import Imported
    from ce_nas.datasets.store import Library

__all__ = ["app"]

app = typer.Typer(
    help="Official benchmark tables and grid traces: what is known, what is here, and how to get it.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="The data set, as ce-nas data list names it.", show_default=False)]
Files = Annotated[list[Path], typer.Argument(help="The official files, or a folder of them.", show_default=False)]
Names = Annotated[list[str] | None, typer.Argument(help="Data sets; all that are here by default.")]
Replace = Annotated[bool, typer.Option("--replace", help="Put the new data in the place of what is here already.")]
Zone = Annotated[str, typer.Option(help="The zone of a grid, as the maker calls it, such as CISO.")]
Mirror = Annotated[str | None, typer.Option(help="Fetch from this folder instead of the official one.")]
Sha256 = Annotated[str | None, typer.Option(help="The checksum that the file must have.", show_default=False)]


@app.command("list")
def list_known(*, json: Json = None, quiet: Quiet = False) -> None:
    """List the data sets: what is here, how large it is, its licence, and how to get what is not."""
    from ce_nas.datasets.catalog import CATALOGUE
    from ce_nas.datasets.store import Library

    library = Library()
    content = [_content(known, library) for known in CATALOGUE]
    write_json(json, {"folder": str(library.root), "data_sets": content})
    if not quiet:
        _print_list(content, library)


@app.command("fetch")
def fetch(  # noqa: PLR0913 - what, which part of it, from where, and what to do with it
    name: Name,
    *,
    zone: Zone = "",
    mirror: Mirror = None,
    sha256: Sha256 = None,
    replace: Replace = False,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Download a data set from its makers, going on where it was cut off, and import it."""
    from ce_nas.apps.cli.display import show_download
    from ce_nas.core.clock import utc_now
    from ce_nas.datasets.catalog import data_set
    from ce_nas.datasets.download import addresses_of, fetch_files, held
    from ce_nas.datasets.importers.base import Change, Imported, import_files
    from ce_nas.datasets.store import Library

    known, library = data_set(name), Library()
    addresses = addresses_of(known, zone=zone, mirror=mirror, sha256=sha256)
    if not replace and (here := held(library.manifest(name), addresses.values())):
        _report([Imported(kept, Change.UNCHANGED) for kept in here], known, library, json, quiet=quiet)
        return
    with show_download(quiet=quiet) as progress:
        files = fetch_files(addresses, library.downloads(name), sha256=sha256, progress=progress)
    done = import_files(known, list(files), library, utc_now(), replace=replace, addresses=files)
    for file in files:  # what they hold is kept; another fetch would begin anew
        file.unlink()
    _report(done, known, library, json, quiet=quiet)


@app.command("import")
def import_(name: Name, files: Files, *, replace: Replace = False, json: Json = None, quiet: Quiet = False) -> None:
    """Read official files from this machine, check them, and keep what they hold."""
    from ce_nas.core.clock import utc_now
    from ce_nas.datasets.catalog import data_set
    from ce_nas.datasets.importers.base import import_files
    from ce_nas.datasets.store import Library

    known, library = data_set(name), Library()
    done = import_files(known, files, library, utc_now(), replace=replace)
    _report(done, known, library, json, quiet=quiet)


@app.command("verify")
def verify(names: Names = None, *, json: Json = None, quiet: Quiet = False) -> None:
    """Compare every file with its checksum in the manifest; ends with status 1 if one is missing or has changed."""
    from ce_nas.datasets.catalog import CATALOGUE, data_set
    from ce_nas.datasets.store import Library

    library = Library()
    chosen = [data_set(name) for name in names] if names else CATALOGUE
    manifests = [manifest for known in chosen if (manifest := library.manifest(known.name))]
    found = [
        {"name": manifest.name, "file": kept.file, "ok": not fault, "fault": fault}
        for manifest in manifests
        for kept, fault in library.faults(manifest)
    ]
    write_json(json, found)
    if not quiet:
        _print_verified(found, library)
    if not all(item["ok"] for item in found):
        raise typer.Exit(1)


def _content(known: DataSet, library: Library) -> dict[str, Any]:
    """What is known of a data set, and what is here, as plain containers."""
    manifest = library.manifest(known.name)
    files = manifest.files if manifest else ()
    return {
        "name": known.name,
        "title": known.title,
        "licence": known.licence,
        "home": known.home,
        "how_to_get": known.how_to_get,
        "takes": known.takes,
        "use": known.use,
        "here": bool(files),
        "size_bytes": sum(kept.size_bytes for kept in files),
        "files": [asdict(kept) for kept in files],
    }


def _print_list(content: Sequence[dict[str, Any]], library: Library) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"Data sets; kept in {library.root}", title_justify="left", show_lines=True)
    for head in ("name", "what", "licence", "here", "how to get and use it"):
        table.add_column(head, overflow="fold", no_wrap=head == "name")
    for item in content:
        count = len(item["files"])
        here = f"{count} file{'s' * (count > 1)}, {_size(item['size_bytes'])}" if item["here"] else "no"
        way = f"use: {item['use']}" if item["here"] else f"{item['how_to_get']}\nuse: {item['use']}"
        table.add_row(item["name"], item["title"], item["licence"], here, way)
    Console(highlight=False).print(table)


def _report(done: Sequence[Imported], known: DataSet, library: Library, json: Path | None, *, quiet: bool) -> None:
    """What an import did, and how to use what is here now."""
    from rich.console import Console

    write_json(json, [{"change": item.change, **asdict(item.kept)} for item in done])
    if quiet:
        return
    console = Console(highlight=False, soft_wrap=True)
    for item in done:
        kept = item.kept
        origins = ", ".join(origin.name for origin in kept.origins)
        console.print(
            f"{item.change}: {library.root / known.name / kept.file}, {kept.rows:,} rows, {_size(kept.size_bytes)}, "
            f"from {origins}"
        )
        for note in kept.notes:
            console.print(f"  {note}")
    console.print(f"Licence: {known.licence}. Use: {known.use}")


def _print_verified(found: Sequence[dict[str, Any]], library: Library) -> None:
    for item in found:
        typer.echo(f"{item['name']}/{item['file']} {'is as it was imported' if item['ok'] else item['fault']}")
    if not found:
        typer.echo(f"Nothing was imported into {library.root}; see: ce-nas data list")


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB" if size_bytes >= 1e5 else f"{size_bytes / 1e3:,.1f} kB"
