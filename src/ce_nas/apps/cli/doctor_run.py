"""The checks of ``ce-nas doctor RUN``: a run folder is examined, and nothing in it is changed."""

from __future__ import annotations

import math
import zipfile
from typing import TYPE_CHECKING, Any

from ce_nas.apps.cli.doctor_checks import DoctorCheck
from ce_nas.core.errors import CeNasError
from ce_nas.store.journal import INPUT_CHANGED, has_ended
from ce_nas.store.resumption import describe_resumption
from ce_nas.store.run_dir import is_locked, read_run_entries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ce_nas.store.journal import JournalEntry

__all__ = ["check_run"]

_GROUP = "run"
#: relative difference of sums that is a rounding error
_ROUNDING = 1e-6
#: what an entry of another form can raise where it is read
_FORM_ERRORS = (KeyError, TypeError, ValueError, IndexError, AttributeError)


def check_run(path: Path) -> list[DoctorCheck]:
    """Check the journal, the ledger and the checkpoints of a run, finished or not."""
    try:
        entries = read_run_entries(path)
    except CeNasError as error:
        return [_problem("journal", str(error), "restore a copy of the folder, or start a new run")]
    times = [entry.at_s for entry in entries if entry.kind != INPUT_CHANGED]
    if not entries or entries[0].kind != "run_started" or times != sorted(times):
        return [_problem("journal", "its entries are not those of a run in order", "start a new run")]
    found = [_passed("journal", f"{len(entries):,} entries, each as it was written; {_describe_state(path, entries)}")]
    for name, check in (("tasks", _check_tasks), ("books", _check_books)):
        try:
            problem = check(entries)
        except _FORM_ERRORS as error:
            problem = f"an entry has another form ({type(error).__name__}: {error})"
        fix = "report it with the journal; the figures of this run are not to be trusted"
        found.append(_problem(name, problem, fix) if problem else _passed(name, "consistent"))
    return [*found, _check_checkpoints(path)]


def _describe_state(path: Path, entries: Sequence[JournalEntry]) -> str:
    if has_ended(entries):
        return "the run has ended"
    if is_locked(path):
        return "the run is under way"
    return f"the run was interrupted: resume it {describe_resumption(path, entries[0].content)}"


def _check_tasks(entries: Sequence[JournalEntry]) -> str:
    """Each task is completed at most once, and no device has two at a time; returns what is wrong, empty if nothing."""
    running: dict[int, int] = {}
    completed: set[int] = set()
    for entry in entries:
        content = entry.content
        if entry.kind == "task_started":
            if content["device"] in running or content["task"] in running.values():
                return f"device {content['device']} began task {content['task']} while another was running"
            running[content["device"]] = content["task"]
        elif entry.kind in {"evaluated", "sampled", "supernet_trained", "task_suspended", "task_failed"}:
            if running.pop(content["device"], None) != content["task"]:
                return f"task {content['task']} ended on device {content['device']}, where it had not started"
            if entry.kind in {"evaluated", "sampled", "supernet_trained"}:
                if content["task"] in completed:
                    return f"task {content['task']} was completed twice"
                completed.add(content["task"])
    return ""


def _check_books(entries: Sequence[JournalEntry]) -> str:
    """The periods follow one another, and sums agree with what each training has recorded; returns what is wrong."""
    energy_j = cost = 0.0
    last: dict[str, Any] = {"period": -1}
    for entry in entries:
        content = entry.content
        if entry.kind == "period":
            if content["period"] != last["period"] + 1:
                return f"period {content['period']} follows period {last['period']}"
            amounts = [*content["energy_j"].values(), *content["carbon_g"].values(), *content["device_s"].values()]
            if not all(math.isfinite(amount) for amount in amounts) or min(content["energy_j"].values(), default=0) < 0:
                return f"period {content['period']} has an amount that is negative or not finite"
            by_source = sum(content["energy_by_source_j"].values())
            total_j = sum(content["energy_j"].values())
            if not math.isclose(by_source, total_j, rel_tol=_ROUNDING, abs_tol=1e-3):
                return f"period {content['period']} has {total_j:.6g} J by activity, but {by_source:.6g} J by source"
            energy_j, cost, last = energy_j + total_j, cost + content["cost"], content
        elif entry.kind == "evaluated" and content["energy_j"] < energy_j * (1 - _ROUNDING) - 1e-3:
            return f"at {entry.at_s:.6g} s {content['energy_j']:.6g} J were used, but {energy_j:.6g} J before"
    return ""


def _check_checkpoints(path: Path) -> DoctorCheck:
    """Every complete checkpoint can be opened; half-written ones are named, and are harmless."""
    folder = path / "checkpoints"
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()] if folder.is_dir() else []
    partial = [file.name for file in files if file.suffix == ".part"]
    damaged = [file.name for file in files if file.suffix == ".pt" and not zipfile.is_zipfile(file)]
    if damaged:
        fix = "remove it to restart this training from its beginning"
        return _problem("checkpoints", f"{damaged[0]} is damaged", fix, required=False)
    half = f", {len(partial)} of them half-written and without effect" if partial else ""
    return _passed("checkpoints", f"{len(files):,} files{half}")


def _passed(name: str, details: str) -> DoctorCheck:
    return DoctorCheck(_GROUP, name, ok=True, required=True, details=details)


def _problem(name: str, details: str, fix: str, *, required: bool = True) -> DoctorCheck:
    return DoctorCheck(_GROUP, name, ok=False, required=required, details=details, fix=fix)
