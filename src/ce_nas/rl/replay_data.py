"""Recorded searches: the sequence of architectures that a searcher trained, for replay in policy training.

The searcher takes most of the computing time of a simulated search, and its proposals hardly depend on when its
trainings ran. Policies are therefore trained on replayed searches: trainings take their time and energy and have their
results, and the searcher costs nothing. Recordings were made with all proxy scores known, or without any.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from itertools import islice, product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ce_nas.config.schema import settings_from_flags
from ce_nas.core.bounded_files import read_npz
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Allocation
from ce_nas.core.units import HOUR_S
from ce_nas.engine.build import build_engine
from ce_nas.engine.inputs import RunInputs
from ce_nas.policies.base import Decision, Policy
from ce_nas.search.base import Searcher
from ce_nas.store.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence
    from pathlib import Path

    from ce_nas.core.records import Architecture, Observation, State

__all__ = [
    "CarbonAgnosticPolicy",
    "RecordedSearch",
    "RecordingSplit",
    "ReplaySearcher",
    "load_recordings",
    "read_recordings",
    "record_search",
    "split_recordings",
    "update_recordings",
    "write_recordings",
]

#: devices of a recorded search
RECORDING_GPUS = 8
#: device-hours of recorded training: 80 hours of 8 devices for most searchers; a surrogate needs less
DEFAULT_RECORDED_DEVICE_H, SURROGATE_RECORDED_DEVICE_H = 640.0, 260.0
#: searchers that learn from proxy scores, and the number of scores that they need
PROXY_SCORE_SEARCHERS = ("surrogate",)
PROXY_SCORES_NEEDED = 1000
#: start of a recorded search; any grid will do if its trace is long enough
RECORDING_START = "2023-01-03T00:00"
#: the recordings that come with the package
BUILTIN_RECORDINGS_FILE = "recorded_searches.npz"
#: seeds held out for the test, and as many for validation
HELD_OUT_SEEDS = 2
#: upper bound of the time that sampling takes, h
MAX_SAMPLING_H = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class RecordedSearch:
    """One recorded search."""

    dataset: str
    searcher: str
    seed: int
    #: whether proxy scores were known
    with_proxy_scores: bool
    #: indices in the space of the trained architectures, in the order in which the trainings ended, shape (trainings,)
    architecture_indices: np.ndarray
    #: hypervolume after each training, shape (trainings,)
    hypervolumes: np.ndarray


class CarbonAgnosticPolicy(Policy):
    """Every device samples while anything is left to sample, and then every device evaluates."""

    name = "carbon-agnostic"

    def decide(self, state: State) -> Decision:
        """See :meth:`Policy.decide`."""
        if state.search.can_sample:
            return Decision(Allocation(state.cluster.devices, 0), "Every device samples.")
        return Decision(Allocation(0, state.cluster.devices), "Every device evaluates.")


class ReplaySearcher(Searcher):
    """Proposes the architectures of a recording without scores until enough are scored, then those of one with scores.

    Enough is half of the space for a searcher whose proposals are ranked by scores, and :data:`PROXY_SCORES_NEEDED` for
    one that learns from them. After the end of a recording, and for sampling, the rest is proposed in the order of the
    space.

    :param architectures: every architecture, in the order of the recordings' indices.
    """

    name = "replay"

    def __init__(
        self, architectures: Sequence[Architecture], without_scores: RecordedSearch, with_scores: RecordedSearch
    ) -> None:
        self.uses_proxy_scores = with_scores.searcher in PROXY_SCORE_SEARCHERS
        self._architectures = architectures
        self._scores_needed = PROXY_SCORES_NEEDED if self.uses_proxy_scores else len(architectures) // 2
        self._proposals = [
            [architectures[index] for index in recording.architecture_indices.tolist()]
            for recording in (without_scores, with_scores)
        ]
        self._score_count = 0

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`; ``n`` is 1 for a training and more for sampling."""
        proposals = self._proposals[self._score_count >= self._scores_needed] if n == 1 else []
        while proposals and proposals[0] in exclude:
            proposals.pop(0)
        if proposals:
            return proposals[:1]
        first = self._score_count if n > 1 else 0
        remaining = islice(self._architectures, first, None)
        return list(islice((architecture for architecture in remaining if architecture not in exclude), n))

    def tell(self, observations: Sequence[Observation]) -> None:
        """See :meth:`Searcher.tell`; counts the scored architectures."""
        self._score_count += sum(observation.fidelity == 0.0 for observation in observations)


class _TrajectoryJournal(Journal):
    """Keeps the trained architectures, and the hypervolume after each."""

    def __init__(self) -> None:
        self.architectures: list[Architecture] = []
        self.hypervolumes: list[float] = []

    def append(self, kind: str, at_s: float, content: Mapping[str, object]) -> None:  # noqa: ARG002 - times are not kept
        """See :meth:`Journal.append`."""
        if kind == "evaluated":
            self.architectures.append(content["architecture"])  # type: ignore[arg-type]
            self.hypervolumes.append(float(content["hypervolume"]))  # type: ignore[arg-type]


def record_search(dataset: str, searcher: str, seed: int, *, with_proxy_scores: bool) -> RecordedSearch:
    """Record the trainings of a search that never waits."""
    flags: dict[str, Any] = {"dataset": dataset, "searcher": searcher, "seed": seed, "gpus": RECORDING_GPUS}
    if not with_proxy_scores:
        flags["proxy_scores"] = "none"
    train_s = RunInputs(settings_from_flags(**flags)).table.train_s
    trainings = round(
        (SURROGATE_RECORDED_DEVICE_H if searcher in PROXY_SCORE_SEARCHERS else DEFAULT_RECORDED_DEVICE_H)
        * HOUR_S
        / float(train_s.mean())
    )
    hours = MAX_SAMPLING_H + 2 * trainings * float(train_s.max()) / RECORDING_GPUS / HOUR_S
    settings = settings_from_flags(
        {"grid": {"start": RECORDING_START}}, hours=hours, evaluations=trainings, stop="never", **flags
    )
    inputs, journal = RunInputs(settings), _TrajectoryJournal()
    build_engine(inputs, journal, policy=CarbonAgnosticPolicy()).run()
    indices = np.array(
        [inputs.table.space.index[architecture] for architecture in journal.architectures], dtype=np.int32
    )
    return RecordedSearch(dataset, searcher, seed, with_proxy_scores, indices, np.array(journal.hypervolumes))


def load_recordings(path: Path | None = None) -> list[RecordedSearch]:
    """Read the recordings at ``path``, or those that come with the package."""
    if path is not None:
        return read_recordings(path)
    with resources.as_file(resources.files("ce_nas.data").joinpath(BUILTIN_RECORDINGS_FILE)) as built_in:
        return read_recordings(built_in)


def update_recordings(
    path: Path, datasets: Sequence[str], seeds: Sequence[int], searchers: Sequence[str]
) -> list[RecordedSearch]:
    """The recordings at ``path``; missing ones are recorded and written to it, one by one."""
    recordings = read_recordings(path) if path.exists() else []
    existing = {(search.dataset, search.searcher, search.seed, search.with_proxy_scores) for search in recordings}
    kinds = [("lamoo", False), *((name, True) for name in searchers)]
    for dataset, seed, (searcher, with_scores) in product(datasets, seeds, kinds):
        if (dataset, searcher, seed, with_scores) not in existing:
            recordings.append(record_search(dataset, searcher, seed, with_proxy_scores=with_scores))
            write_recordings(path, recordings)
    return recordings


class RecordingSplit(NamedTuple):
    """Recordings by purpose; no recording is in two of them."""

    training: list[RecordedSearch]
    validation: list[RecordedSearch]
    test: list[RecordedSearch]


def split_recordings(recordings: Sequence[RecordedSearch]) -> RecordingSplit:
    """Split recordings by seed: each data set's last two seeds for the test, the two before them for validation."""
    split = RecordingSplit([], [], [])
    for search in recordings:
        later = {other.seed for other in recordings if other.dataset == search.dataset and other.seed > search.seed}
        split[2 - len(later) // HELD_OUT_SEEDS if len(later) < 2 * HELD_OUT_SEEDS else 0].append(search)
    return split


def write_recordings(path: Path, recordings: Iterable[RecordedSearch]) -> None:
    """Write recordings to one npz without pickles."""
    searches = list(recordings)
    heads = [[search.dataset, search.searcher, search.seed, search.with_proxy_scores] for search in searches]
    arrays = {f"rows_{number}": search.architecture_indices for number, search in enumerate(searches)}
    arrays |= {f"hypervolumes_{number}": search.hypervolumes for number, search in enumerate(searches)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez_compressed(file, heads=np.array(json.dumps(heads)), **arrays)  # type: ignore[arg-type]


def read_recordings(path: Path) -> list[RecordedSearch]:
    """Read the recordings at ``path``.

    :raises SettingsError: if the file holds none.
    """
    try:
        file = read_npz(path)
        return [
            RecordedSearch(dataset, searcher, seed, scores, file[f"rows_{number}"], file[f"hypervolumes_{number}"])
            for number, (dataset, searcher, seed, scores) in enumerate(json.loads(str(file["heads"])))
        ]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        message = f"Expected recordings of searches in {str(path)!r}, but {error}; leave it out for the built-in ones."
        raise SettingsError(message) from error
