"""Searches on record: which architectures a searcher trained, one after another.

A searcher takes most of a search's time, and what it proposes next hardly depends on when its trainings were done. So a
policy is trained on searches played from a record: trainings take their time and their energy, find what they found,
and the searcher costs nothing. Blind records were made without cheap scores, informed ones with every score at hand.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import dataclass
from importlib import resources
from itertools import islice, product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Allocation
from ce_nas.core.units import HOUR_S
from ce_nas.engine.build import build
from ce_nas.engine.inputs import Materials
from ce_nas.policies.base import Allocator, Decision
from ce_nas.search.base import Searcher
from ce_nas.store.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence
    from pathlib import Path

    from ce_nas.core.records import Architecture, Observation, View

__all__ = [
    "Parts",
    "Recording",
    "Replay",
    "Unwaiting",
    "read_recordings",
    "record",
    "record_all",
    "recorded",
    "split",
    "write_recordings",
]

#: devices of a search that is put on record
GPUS = 8
#: device-hours of training on record: of most searchers what 8 devices do in 80 hours; a surrogate needs less
SLOW_H, QUICK_H = 640.0, 260.0
#: searchers that learn from scores themselves, and how many of them are enough
FORESEEING = ("surrogate",)
ENOUGH = 1000
#: when a search that is put on record begins: any grid will do, and a long one is needed
BEGIN = "2023-01-03T00:00"
#: the recordings that come with the package
BUILTIN = "recorded_searches.npz"
#: seeds that are kept for the test, and as many for validation
HELD = 2
#: hours in which they have certainly scored whatever they will
SAMPLING_H = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One search."""

    dataset: str
    searcher: str
    seed: int
    #: whether cheap scores were at hand
    informed: bool
    #: rows of the space's members that were trained, in the order in which the trainings ended, shape (trainings,)
    rows: np.ndarray
    #: hypervolume after each training, shape (trainings,)
    hypervolumes: np.ndarray


class Unwaiting(Allocator):
    """Samples with every device while there is anything to sample, and then trains with every device."""

    name = "unwaiting"

    def decide(self, view: View) -> Decision:
        """See :meth:`Allocator.decide`."""
        if view.can_sample:
            return Decision(Allocation(view.devices, 0), "Every device samples.")
        return Decision(Allocation(0, view.devices), "Every device evaluates.")


class Replay(Searcher):
    """Proposes what was proposed before: the blind record's architectures until enough was scored, then the informed
    one's. Past a record's end, and for sampling, what is left is proposed in the order of the space.

    Enough is half of the space for a searcher whose proposals are ranked by scores, and :data:`ENOUGH` for one that
    learns from them itself.

    :param listed: every architecture, in the order of the records' rows.
    """

    name = "replay"

    def __init__(self, listed: Sequence[Architecture], blind: Recording, informed: Recording) -> None:
        self.foresees = informed.searcher in FORESEEING
        self._listed = listed
        self._enough = ENOUGH if self.foresees else len(listed) // 2
        self._records = [[listed[row] for row in one.rows.tolist()] for one in (blind, informed)]
        self._scored = 0

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`; one at a time is asked for a training, and more are for sampling."""
        record = self._records[self._scored >= self._enough] if n == 1 else []
        while record and record[0] in exclude:
            record.pop(0)
        if record:
            return record[:1]
        first = self._scored if n > 1 else 0
        return list(islice((item for item in islice(self._listed, first, None) if item not in exclude), n))

    def tell(self, observations: Sequence[Observation]) -> None:
        """Counts what was scored; nothing else is learned."""
        self._scored += sum(item.fidelity == 0.0 for item in observations)


class _Course(Journal):
    """Keeps of a run which architectures were trained, and the hypervolume after each."""

    def __init__(self) -> None:
        self.architectures: list[Architecture] = []
        self.hypervolumes: list[float] = []

    def append(self, kind: str, at_s: float, content: Mapping[str, object]) -> None:  # noqa: ARG002 - no moment is kept
        """See :meth:`Journal.append`."""
        if kind == "evaluated":
            self.architectures.append(content["architecture"])  # type: ignore[arg-type]
            self.hypervolumes.append(float(content["hypervolume"]))  # type: ignore[arg-type]


def record(dataset: str, searcher: str, seed: int, *, informed: bool) -> Recording:
    """Run a search that never waits for as much work as is put on record, and keep what it trained."""
    flags: dict[str, Any] = {"dataset": dataset, "searcher": searcher, "seed": seed, "gpus": GPUS}
    if not informed:
        flags["cheap_scores"] = "none"
    train_s = Materials(settings_from_flags(**flags)).table.train_s
    trainings = round((QUICK_H if searcher in FORESEEING else SLOW_H) * HOUR_S / float(train_s.mean()))
    hours = SAMPLING_H + 2 * trainings * float(train_s.max()) / GPUS / HOUR_S
    settings = settings_from_flags({"grid": {"start": BEGIN}}, hours=hours, evaluations=trainings, **flags)
    materials, course = Materials(settings), _Course()
    build(materials, course, allocator=Unwaiting()).run()
    rows = [materials.table.space.index[architecture] for architecture in course.architectures]
    return Recording(dataset, searcher, seed, informed, np.array(rows, dtype=np.int32), np.array(course.hypervolumes))


def recorded(path: Path | None = None) -> list[Recording]:
    """The recordings in the file at ``path``, or those that come with the package."""
    if path is not None:
        return read_recordings(path)
    with resources.as_file(resources.files("ce_nas.data").joinpath(BUILTIN)) as built_in:
        return read_recordings(built_in)


def record_all(path: Path, datasets: Sequence[str], seeds: Sequence[int], searchers: Sequence[str]) -> list[Recording]:
    """The recordings in the file at ``path``; those of these that it lacks are made and added, one by one."""
    found = read_recordings(path) if path.exists() else []
    have = {(item.dataset, item.searcher, item.seed, item.informed) for item in found}
    kinds = [("lamoo", False), *((name, True) for name in searchers)]
    for dataset, seed, (searcher, informed) in product(datasets, seeds, kinds):
        if (dataset, searcher, seed, informed) not in have:
            found.append(record(dataset, searcher, seed, informed=informed))
            write_recordings(path, found)
    return found


class Parts(NamedTuple):
    """Recordings by what they are for; no search is in two of them."""

    training: list[Recording]
    validation: list[Recording]
    test: list[Recording]


def split(recordings: Sequence[Recording]) -> Parts:
    """The searches of each benchmark's last two seeds are for the test, those of the two before it for validation."""
    parts = Parts([], [], [])
    for item in recordings:
        later = len({other.seed for other in recordings if other.dataset == item.dataset and other.seed > item.seed})
        parts[2 - later // HELD if later < 2 * HELD else 0].append(item)
    return parts


def write_recordings(path: Path, recordings: Iterable[Recording]) -> None:
    """Write recordings to one npz without pickles."""
    kept = list(recordings)
    heads = [[item.dataset, item.searcher, item.seed, item.informed] for item in kept]
    arrays = {f"rows_{at}": item.rows for at, item in enumerate(kept)}
    arrays |= {f"hypervolumes_{at}": item.hypervolumes for at, item in enumerate(kept)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez_compressed(file, heads=np.array(json.dumps(heads)), **arrays)  # type: ignore[arg-type]


def read_recordings(path: Path) -> list[Recording]:
    """The recordings in the file at ``path``.

    :raises SettingsError: if there are none.
    """
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return [
                Recording(dataset, searcher, seed, informed, file[f"rows_{at}"], file[f"hypervolumes_{at}"])
                for at, (dataset, searcher, seed, informed) in enumerate(json.loads(str(file["heads"])))
            ]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        message = f"Expected recordings of searches in {str(path)!r}, but {error}; leave it out to make them anew."
        raise SettingsError(message) from error
