"""The files of tasks on several machines: which attempt writes where, and how they travel without a shared folder.

- `TaskFolders`: in the run: where the newest attempt at a task works, so that an older one cannot write over it
- `WorkingCopy`: in a worker without the run's folder: a folder of its own, whose files travel
- `TaskFiles`: what travels

A task's own files are ``task-NUMBER.*`` and the folder ``task-NUMBER``; any other file beside them, such as a
supernet's weights, is common to all tasks.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ce_nas.core.clock import file_age_s
from ce_nas.core.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["ATTEMPTS_DIRNAME", "TaskFiles", "TaskFolders", "WorkingCopy", "newest_task_folder"]

#: folder of the attempts that follow a lost one, each in ``TASK-NUMBER``
ATTEMPTS_DIRNAME = "attempts"
#: file in it that says which tasks have started and ended in the folder of the run
_RECORD_FILENAME = "record"
#: suffix of a file that is being written, and of a complete folder that is about to replace another one
_PARTIAL_SUFFIX, _COMPLETE_SUFFIX = ".part", ".new"
#: age of the last write from which a checkpoint is taken, s: clocks of file systems tick every few ms
_SETTLED_S = 0.05
#: how often a checkpoint is copied that changes meanwhile, at most
_COPY_TRIES = 5
#: age from which a folder without a lock is taken to be left behind, s
_LEFT_BEHIND_S = 60.0
_SCRATCH_PREFIX = "ce-nas-work-"

#: path, inode, times of change in ns and size of a file
_Stamp = tuple[str, int, int, int, int]


@dataclass(frozen=True, slots=True)
class TaskFiles:
    """The files of a task, by their path relative to the folder of checkpoints."""

    task_id: int
    #: all of its checkpoint; None if it has not changed
    own: Mapping[str, bytes] | None = None
    #: common files that have changed
    common: Mapping[str, bytes] = field(default_factory=dict)
    #: what it has printed from a byte of its log on
    log: bytes = b""
    log_start: int = 0
    #: why its checkpoint, or a common file, cannot travel; empty if it can
    error: str = ""
    common_error: str = ""

    def error_after(self, *, is_finished: bool) -> str:
        """Return why the task cannot go on: a finished one needs its checkpoint no more, but what others need of it."""
        return self.common_error or ("" if is_finished else self.error)


@contextlib.contextmanager
def _storing() -> Iterator[None]:
    """Say in one sentence why files cannot be kept.

    :raises StoreError: in place of an error of the file system.
    """
    try:
        yield
    except OSError as error:
        message = (
            f"Expected to read and write the checkpoints in the run folder, but {error.strerror or error}; free disk "
            "space or change permissions, and resume."
        )
        raise StoreError(message) from error


def newest_task_folder(work: Path, task_id: int) -> Path:
    """Return the folder in which the newest attempt at a task works, or worked: ``work``, or one for the attempt."""
    attempts = [
        int(path.name.partition("-")[2])
        for path in (work / ATTEMPTS_DIRNAME).glob(f"{task_id}-*")
        if path.name.partition("-")[2].isdigit()
    ]
    return work / ATTEMPTS_DIRNAME / f"{task_id}-{max(attempts)}" if attempts else work


class TaskFolders:
    """Where the attempts at tasks work, in a folder that several machines share.

    A machine that was taken for lost may still be at work. The next attempt at its task therefore has a folder of
    its own, with a copy of the checkpoint, so that nothing that the lost one writes reaches a later attempt.

    :param work: the folder of checkpoints.
    """

    def __init__(self, work: Path) -> None:
        self.work = work

    def folder(self, task_id: int) -> Path:
        """Return the folder of the newest attempt at a task."""
        folder = newest_task_folder(self.work, task_id)
        _complete_renames(folder, task_id)
        return folder

    @_storing()
    def note(self, task_id: int, *, has_ended: bool) -> None:
        """Note that an attempt at a task begins to work in the folder of the run, or that its end is known."""
        record = self.work / ATTEMPTS_DIRNAME / _RECORD_FILENAME
        record.parent.mkdir(exist_ok=True)
        with record.open("a") as file:
            file.write(f"{'ended' if has_ended else 'started'} {task_id}\n")

    def unended(self) -> set[int]:
        """Return the tasks whose end an earlier process has not noted: it is gone, but they may still be at work."""
        record, left = self.work / ATTEMPTS_DIRNAME / _RECORD_FILENAME, set[int]()
        for line in record.read_text().splitlines() if record.exists() else []:
            said, _, number = line.partition(" ")
            if number.isdigit():
                (left.add if said == "started" else left.discard)(int(number))
        return left

    @_storing()
    def start_next_attempt(self, task_id: int) -> Path:
        """Return a folder for the next attempt, with a copy of the task's files, which the last one may still write."""
        before = self.folder(task_id)
        number = 2 if before == self.work else int(before.name.partition("-")[2]) + 1
        folder = self.work / ATTEMPTS_DIRNAME / f"{task_id}-{number}"
        part = folder.with_name(folder.name + _PARTIAL_SUFFIX)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        _copy_own(before, task_id, part)
        for path in _common_files(self.work):
            (part / path.name).symlink_to(Path("..", "..", path.name))
        part.rename(folder)
        for path in _own_entries(before, task_id):  # no attempt reads them any more
            _delete(path)
        return folder

    @_storing()
    def publish(self, task_id: int) -> None:
        """Give the common files that an attempt has written in a folder of its own to all tasks."""
        folder = self.folder(task_id)
        if folder != self.work:
            for path in _common_files(folder):
                if not path.is_symlink():
                    path.replace(self.work / path.name)

    @_storing()
    def read(self, task_id: int) -> dict[str, bytes]:
        """Return the files of a task."""
        folder = self.folder(task_id)
        return {name: (folder / name).read_bytes() for name, *_ in _stamps(folder, task_id)}

    @_storing()
    def read_common(self, known: dict[str, _Stamp]) -> dict[str, bytes]:
        """Return the common files that are new to a worker.

        :param known: those that it has; updated.
        """
        found = {}
        for path in _common_files(self.work):
            stamp = _stamp(path, path.name)
            if known.get(path.name) != stamp:
                found[path.name], known[path.name] = path.read_bytes(), stamp
        return found

    @_storing()
    def write(self, files: TaskFiles, known: dict[str, _Stamp]) -> None:
        """Keep what has arrived from a worker; each file, and a task's folder as a whole, is replaced atomically.

        :param known: the common files that this worker has; updated.
        """
        for name, content in files.common.items():
            _write(self.work / name, content)
            known[name] = _stamp(self.work / name, name)
        if files.own is not None:
            _replace_own(self.folder(files.task_id), files.task_id, files.own)

    @_storing()
    def append_log(self, path: Path, printed: bytes) -> None:
        """Append what a task has printed to its log."""
        if printed:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.write(printed)


class WorkingCopy:
    """A folder of a worker's own, in place of the run's, that it cannot reach.

    Folders that killed workers of this machine have left behind are removed.

    :param limit_bytes: largest checkpoint of a task, and largest common file.
    :param way_out: what to do about a larger one.
    """

    def __init__(self, limit_bytes: int, way_out: str) -> None:
        _remove_left_behind(Path(tempfile.gettempdir()))
        self.folder = Path(tempfile.mkdtemp(prefix=_SCRATCH_PREFIX))
        self._held = (self.folder / ".held").open("w")
        fcntl.flock(self._held, fcntl.LOCK_EX)
        self._limit_bytes = limit_bytes
        self._way_out = way_out
        self._lock = threading.Lock()
        self._sent: list[_Stamp] = []
        self._common: dict[str, _Stamp] = {}

    def receive(self, files: TaskFiles, log: Path) -> None:
        """Take the files with which a task begins.

        :param log: file into which it will print.
        """
        with self._lock:
            for path in _own_entries(self.folder, files.task_id):
                _delete(path)
            for name, content in {**files.common, **(files.own or {})}.items():
                _write(self.folder / name, content)
            self._sent = list(_stamps(self.folder, files.task_id))
            self._common |= {name: _stamp(self.folder / name, name) for name in files.common}
            log.unlink(missing_ok=True)

    def collect(self, task_id: int, log: Path, log_kept: int, *, is_over: bool = False) -> TaskFiles | None:
        """Return what has changed since the last time; None if nothing has.

        During a training only files that are not being written, so that they are as a crash would leave them.

        :param log_kept: bytes of the log that the run has.
        :param is_over: whether the training has ended; then its files are removed here.
        """
        with self._lock:
            own, error = self._collect_own(task_id, is_over=is_over)
            common, wrong = self._collect_common() if is_over else ({}, "")
            printed = _read_log(log, log_kept, self._limit_bytes)
            if is_over:
                for path in _own_entries(self.folder, task_id):
                    _delete(path)
                log.unlink(missing_ok=True)
                self._sent = []
            if own is None and not (common or printed or error or wrong):
                return None
            return TaskFiles(task_id, own, common, printed, log_kept, error, wrong)

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._held.close()

    def _read(self, stamps: list[_Stamp], what: str) -> tuple[dict[str, bytes] | None, str]:
        size = sum(stamp[-1] for stamp in stamps)
        if size > self._limit_bytes:
            return None, (
                f"Expected at most {_gigabytes(self._limit_bytes)} without a shared folder, got {_gigabytes(size)} for "
                f"{what}; {self._way_out}"
            )
        try:
            return {stamp[0]: (self.folder / stamp[0]).read_bytes() for stamp in stamps}, ""
        except FileNotFoundError:  # replaced meanwhile
            return None, ""

    def _collect_own(self, task_id: int, *, is_over: bool) -> tuple[dict[str, bytes] | None, str]:
        """The files of a task where they have changed and none is being written; or why they cannot be sent."""
        stamps = list(_stamps(self.folder, task_id))
        if stamps == self._sent or not (is_over or _is_settled(stamps)):
            return None, ""
        own, error = self._read(stamps, f"the checkpoint of task {task_id}")
        if own is not None and not is_over and list(_stamps(self.folder, task_id)) != stamps:
            return None, error  # written meanwhile
        if own is not None:
            self._sent = stamps
        return own, error

    def _collect_common(self) -> tuple[dict[str, bytes], str]:
        found: dict[str, bytes] = {}
        for path in _common_files(self.folder):
            stamp = _stamp(path, path.name)
            if self._common.get(path.name) == stamp:
                continue
            content, error = self._read([stamp], path.name)
            if content is None:
                return found, error
            found |= content
            self._common[path.name] = stamp
        return found, ""


def _read_log(path: Path, start: int, limit_bytes: int) -> bytes:
    """What has been printed from a byte on."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(limit_bytes)
    except FileNotFoundError:
        return b""


def _own_entries(folder: Path, task_id: int) -> Iterator[Path]:
    """The files and folders of a task, those that are being written left out."""
    for path in sorted([*folder.glob(f"task-{task_id}"), *folder.glob(f"task-{task_id}.*")]):
        if path.suffix not in {_PARTIAL_SUFFIX, _COMPLETE_SUFFIX}:
            yield path


def _common_files(folder: Path) -> Iterator[Path]:
    """The files that tasks share."""
    for path in sorted(folder.iterdir()):
        is_own = path.name.startswith(("task-", "device-", "."))
        if path.is_file() and not is_own and path.suffix != _PARTIAL_SUFFIX:
            yield path


def _copy_own(folder: Path, task_id: int, target: Path) -> None:
    """Copy the files of a task, while a lost attempt may still replace them."""
    for tries_left in reversed(range(_COPY_TRIES)):
        try:
            for path in _own_entries(folder, task_id):
                if path.is_dir():
                    shutil.copytree(path, target / path.name, dirs_exist_ok=True)
                else:
                    shutil.copy2(path, target / path.name)
        except OSError:  # also shutil.Error: a file was gone before it was copied
            if not tries_left:
                raise
        else:
            return


def _stamps(folder: Path, task_id: int) -> Iterator[_Stamp]:
    """The files of a task, by their path in ``folder``."""
    for entry in _own_entries(folder, task_id):
        for path in sorted(entry.rglob("*")) if entry.is_dir() else [entry]:
            with suppress(FileNotFoundError):
                if path.is_file():
                    yield _stamp(path, path.relative_to(folder).as_posix())


def _stamp(path: Path, name: str) -> _Stamp:
    stat = path.stat()
    return name, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size


def _is_settled(stamps: list[_Stamp]) -> bool:
    last_ns = max((max(stamp[2], stamp[3]) for stamp in stamps), default=0)
    return file_age_s(last_ns) > _SETTLED_S


def _replace_own(folder: Path, task_id: int, files: Mapping[str, bytes]) -> None:
    """Replace all files of a task."""
    inside = {name: content for name, content in files.items() if name.startswith(f"task-{task_id}/")}
    complete = folder / f"task-{task_id}{_COMPLETE_SUFFIX}"
    if inside:
        part = folder / f"task-{task_id}{_PARTIAL_SUFFIX}"
        shutil.rmtree(part, ignore_errors=True)
        for name, content in inside.items():
            path = part / name.partition("/")[2]
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, content)
        _delete(complete)
        part.rename(complete)
        _complete_renames(folder, task_id)
    kept = {name.partition("/")[0] for name in files}
    for name in files.keys() - inside.keys():
        _write(folder / name, files[name])
    for path in _own_entries(folder, task_id):
        if path.name not in kept:
            _delete(path)


def _complete_renames(folder: Path, task_id: int) -> None:
    """Put a task's complete folder in the place of the older one, also after a kill in between."""
    complete, final = folder / f"task-{task_id}{_COMPLETE_SUFFIX}", folder / f"task-{task_id}"
    if complete.exists():
        _delete(final)
        complete.rename(final)


def _write(path: Path, content: bytes) -> None:
    """Replace a file atomically and durably."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + _PARTIAL_SUFFIX)
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _remove_left_behind(place: Path) -> None:
    """Remove the folders whose workers are gone: no process holds their lock."""
    for folder in place.glob(f"{_SCRATCH_PREFIX}*"):
        with suppress(OSError), contextlib.closing((folder / ".held").open()) as held:
            if file_age_s((folder / ".held").stat().st_mtime_ns) < _LEFT_BEHIND_S:
                continue  # it may be about to be locked
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.3g} GB"
