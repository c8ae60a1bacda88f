"""``ce-nas logs``: what the trainings of a live run printed and reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ce_nas.apps.cli.shared_options import RunArgument  # noqa: TC001 - typer evaluates the annotations at run time

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["logs"]

TaskArgument = Annotated[int | None, typer.Argument(help="Number of a task; none: a list of all logs.")]


def logs(run: RunArgument, task: TaskArgument = None) -> None:
    """Show what the trainings of a live run printed: a list of the logs, or one task's log and learning curve."""
    from ce_nas.benchmarks.user_function import CURVE_FILENAME
    from ce_nas.cluster.workers.process import task_log_path
    from ce_nas.cluster.workers.task_files import newest_task_folder
    from ce_nas.core.errors import StoreError
    from ce_nas.engine.build_live import WORK_DIRNAME
    from ce_nas.store.run_dir import read_run_entries

    read_run_entries(run)  # a folder without a run is refused
    found = _find_logs(task_log_path(run / WORK_DIRNAME, 0).parent)
    if task is None:
        for number, path in found.items():
            text = path.read_text(encoding="utf-8", errors="replace").rstrip()
            typer.echo(f"{number:>6}  {path.stat().st_size:>8} bytes  {text.rpartition(chr(10))[2][:90]}")
        if not found:
            typer.echo("No task of this run has printed anything.")
        return
    curve = newest_task_folder(run / WORK_DIRNAME, task) / f"task-{task}" / CURVE_FILENAME
    if curve.exists():
        typer.echo(curve.read_text(encoding="utf-8"), nl=False)
    elif task not in found:
        known = ", ".join(map(str, found)) or "none"
        message = f"Expected a task with a log, got {task}; tasks that printed something: {known}."
        raise StoreError(message)
    if task in found:
        typer.echo(found[task].read_text(encoding="utf-8", errors="replace"), nl=False)


def _find_logs(folder: Path) -> dict[int, Path]:
    """The logs by the number of their task, ascending."""
    paths = {path.stem.removeprefix("task-"): path for path in folder.glob("task-*.log")}
    return {int(number): paths[number] for number in sorted(filter(str.isdigit, paths), key=int)}
