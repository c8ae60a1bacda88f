"""NAS-Bench-301: the DARTS space with a surrogate that foretells accuracy and training time at every epoch.

Sources
    [NB301] Zela et al. Surrogate NAS Benchmarks: Going Beyond the Limited Search Spaces of Tabular NAS Benchmarks.
    ICLR 2022.
    [YAHPO] Pfisterer et al. YAHPO Gym: An Efficient Multi-Objective Multi-Fidelity Benchmark for Hyperparameter
    Optimization. AutoML 2022: its scenario nb301 is the surrogate read here, a neural network in ONNX.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.benchmarks.base import Benchmark, Evaluator, Quantity
from ce_nas.core.errors import MissingExtraError, SettingsError, TableError
from ce_nas.core.records import Outcome, TaskKind
from ce_nas.core.rng import stream
from ce_nas.space.darts import DARTS_CELLS, DARTS_EDGES, DARTS_NODES, DARTS_OPERATIONS, DartsSpace
from ce_nas.space.darts_counts import DartsSizes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ce_nas.benchmarks.supernet_noise import NoisyScores
    from ce_nas.core.records import Architecture, Objective, Task

__all__ = ["EPOCHS", "NasBench301", "NasBench301Evaluator", "Surrogate"]

#: of a full training [NB301, appendix C]
EPOCHS = 98
#: below the worst of a sample of the space; with 0 % nearly all of a hypervolume would be that of the smallest network
ACCURACY_REFERENCE = 90.0
#: architectures drawn at random by which an accuracy's rank, and the mean training time, are told
REFERENCE_SAMPLE = 4096
#: what the ONNX calls an operation or a pair of inputs that is not there
_NOTHING = "#na#"
#: columns: an operation an edge of both cells, then the pair of inputs of nodes 3 to 5 of both [YAHPO]
_COLUMNS = (
    *(f"edge_{cell}_{edge}" for cell in DARTS_CELLS for edge in range(len(DARTS_EDGES))),
    *(f"inputs_node_{cell}_{node}" for cell in DARTS_CELLS for node in DARTS_NODES[1:]),
)


class Surrogate:
    """The neural network of [YAHPO], which foretells accuracy and training time.

    :param path: ``nb301_surrogate.onnx``, with its ``encoding.json`` in the same folder.
    :raises TableError: if one of them is not there, or is something else.
    :raises MissingExtraError: if onnx or onnxruntime is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        network, encoding = _content(path), _content(path.with_name("encoding.json"))
        self.fingerprint = hashlib.sha256(network + encoding).hexdigest()
        self._codes = _codes(encoding)
        self._space = DartsSpace()
        self._session = _session(network, path.name)

    def predict(self, architectures: Sequence[Architecture], epoch: int = EPOCHS) -> np.ndarray:
        """Validation accuracy, %, and the seconds of the training up to that epoch, shape ``(n, 2)``.

        Rounded to what the network's single precision can tell, so that the size of a batch does not show.
        """
        if not len(architectures):
            return np.empty((0, 2))
        inputs = {"x_cat": self._inputs(architectures), "x_cont": np.full((len(architectures), 1), epoch, np.float32)}
        (found,) = self._session.run(None, inputs)
        return np.column_stack([np.round(found[:, 0].astype(float), 4), np.round(found[:, 1].astype(float), 2)])

    def _inputs(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """The codes of what stands in each column, shape ``(n, 34)``."""
        edges = self._space.edges(architectures).reshape(len(architectures), -1)
        columns = [codes[column] for codes, column in zip(self._codes[: edges.shape[1]], edges.T, strict=True)]
        rows, pairs = np.asarray(architectures), self._pairs
        columns += [codes[rows[:, at]] for codes, at in zip(self._codes[edges.shape[1] :], pairs, strict=True)]
        return np.stack(columns, axis=1).astype(np.int32)

    @cached_property
    def _pairs(self) -> list[int]:
        """The variables that say which nodes a node takes, in the order of the columns."""
        return [at for at, name in enumerate(self._space.variables) if name.endswith(".inputs")]


class NasBench301(Benchmark):
    """Accuracy against parameters or FLOPs, and how long a training takes, foretold by a surrogate.

    Parameters and FLOPs are those of the network that the genotype builds, counted as the benchmark's own tables do.
    """

    name = "NAS-Bench-301"

    def __init__(self, surrogate: Surrogate) -> None:
        self.space = DartsSpace()
        self.origin = f"{surrogate.name} (YAHPO's surrogate of NAS-Bench-301, {EPOCHS} epochs on CIFAR-10)"
        self.notes = (
            "Accuracies and training times are predictions; the largest hypervolume of the space is not known.",
        )
        self._surrogate = surrogate
        self._sizes = DartsSizes()
        self._told: dict[tuple[Architecture, int], tuple[float, float]] = {}

    @property
    def fingerprint(self) -> str:
        """See :attr:`Benchmark.fingerprint`."""
        return self._surrogate.fingerprint

    @cached_property
    def quantities(self) -> Mapping[str, Quantity]:
        """See :attr:`Benchmark.quantities`; the range of accuracies is that of a sample."""
        accuracies = self._reference[:, 0]
        sizes = {"params": self._sizes.parameters_range, "flops": self._sizes.flops_range}
        return {
            "accuracy": Quantity(
                "accuracy",
                "%",
                maximise=True,
                trained=True,
                low=float(accuracies.min()),
                high=float(accuracies.max()),
                reference=ACCURACY_REFERENCE,
            ),
            **{
                name: Quantity(name, "M", maximise=False, trained=False, low=low / 1e6, high=high / 1e6)
                for name, (low, high) in sizes.items()
            },
        }

    @property
    def mean_epoch_s(self) -> float:
        """See :attr:`Benchmark.mean_epoch_s`."""
        return float(self._reference[:, 1].mean()) / EPOCHS

    def costs(self, name: str, architectures: Sequence[Architecture]) -> np.ndarray:
        """See :meth:`Benchmark.costs`: ``params`` and ``flops``, in millions."""
        count = self._sizes.parameters if name == "params" else self._sizes.flops
        return np.asarray(count(architectures) / 1e6)

    def column(self, name: str) -> None:
        """See :meth:`Benchmark.column`."""

    def require_share(self, share: float) -> None:
        """See :meth:`Benchmark.require_share`: any share from one epoch on is known."""
        if epochs_of(share) < 1:
            message = (
                f"Expected searcher.early of one of {self.name}'s {EPOCHS} epochs or more, {1 / EPOCHS:.3g}, "
                f"got {share:g}."
            )
            raise SettingsError(message)

    def training(self, architecture: Architecture, share: float = 1.0) -> tuple[float, float]:
        """What a training that is stopped at this share finds: its accuracy, %, and its duration, s."""
        known = (architecture, epochs_of(share))
        if known not in self._told:
            accuracy, duration_s = self._surrogate.predict([architecture], known[1])[0].tolist()
            self._told[known] = accuracy, duration_s
        return self._told[known]

    @cached_property
    def sample(self) -> list[Architecture]:
        """Architectures drawn uniformly, always the same."""
        return self.space.sample(stream(0, "nasbench301"), REFERENCE_SAMPLE)

    def normal_scores(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """Normal quantiles of the share of the space that has a lower accuracy, as far as a sample tells, ``(n,)``."""
        from scipy.special import ndtri

        below = np.searchsorted(self._accuracies, self._surrogate.predict(architectures)[:, 0])
        return np.asarray(ndtri((below + 0.5) / (REFERENCE_SAMPLE + 1.0)))

    @cached_property
    def _reference(self) -> np.ndarray:
        """Accuracies and training times of the sample, shape ``(n, 2)``."""
        return self._surrogate.predict(self.sample)

    @cached_property
    def _accuracies(self) -> np.ndarray:
        return np.sort(self._reference[:, 0])


class NasBench301Evaluator(Evaluator):
    """Trainings and samplings foretold: a training takes the surrogate's time and finds its accuracy.

    A sampling finds scores and estimates the accuracy by them; parameters and FLOPs it finds as they are.

    :param scores: the cheap scores, or None where there are none: then nothing can be sampled.
    """

    def __init__(self, benchmark: NasBench301, objectives: Sequence[Objective], scores: NoisyScores | None) -> None:
        self.space = benchmark.space
        self.objectives = tuple(objectives)
        self.supernet_training_s = scores.training_s if scores else 0.0
        self.can_score = scores is not None
        self._benchmark = benchmark
        self._scores = scores

    def duration_s(self, task: Task) -> float:
        """See :meth:`Evaluator.duration_s`."""
        if task.kind is TaskKind.EVALUATION:
            return self._benchmark.training(task.architectures[0], task.fidelity)[1]
        if task.kind is TaskKind.SUPERNET:
            return self.supernet_training_s
        return len(task.architectures) * self._scores.score_s if self._scores else 0.0

    def run(self, task: Task) -> Outcome:
        """See :meth:`Evaluator.run`."""
        architectures = task.architectures
        if task.kind is TaskKind.SAMPLING and self._scores:
            scores, vote = self._scores.of(architectures)
            return Outcome(task.id, self._values(architectures, vote), tuple(map(tuple, scores.tolist())))
        found = [self._benchmark.training(item, task.fidelity)[0] for item in architectures]
        return Outcome(task.id, self._values(architectures, np.array(found)))

    def _values(self, architectures: Sequence[Architecture], accuracy: np.ndarray) -> tuple[tuple[float, ...], ...]:
        """The objectives, all minimised, a row an architecture; accuracies may be estimates on a scale of their own."""
        columns = [
            item.sign * (accuracy if item.name == "accuracy" else self._benchmark.costs(item.name, architectures))
            for item in self.objectives
        ]
        return tuple(map(tuple, np.column_stack(columns).tolist()))


def epochs_of(share: float) -> int:
    """The whole epochs of a share of a training."""
    return round(share * EPOCHS)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = (
            f"Expected NAS-Bench-301's surrogate and its encoding.json side by side, but {str(path)!r}: "
            f"{error.strerror or error}."
        )
        raise TableError(message) from error


def _codes(encoding: bytes) -> list[np.ndarray]:
    """For each column the code of each choice; for an edge the last one stands for no operation."""
    try:
        told = {name.rpartition("_COLON_")[2]: codes for name, codes in json.loads(encoding).items()}
        space = DartsSpace()
        pairs = [names for variable, names in zip(space.variables, space.choices, strict=True) if ".inputs" in variable]
        edges = len(_COLUMNS) - len(pairs)
        choices = [(*DARTS_OPERATIONS, _NOTHING)] * edges + pairs
        return [
            np.array([int(told[column][choice]) for choice in names])
            for column, names in zip(_COLUMNS, choices, strict=True)
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        message = (
            f"Expected the codes of {len(_COLUMNS)} columns such as {_COLUMNS[0]} in encoding.json, but {error!r}."
        )
        raise TableError(message) from error


def _session(network: bytes, name: str) -> Any:  # noqa: ANN401 - onnxruntime has no types
    """A session of one thread that takes any number of architectures at once."""
    for package in ("onnx", "onnxruntime"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "nasbench301", "NAS-Bench-301's surrogate")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        model = _of_any_number(network)
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # whatever the two libraries make of a file that is none
        message = f"Expected NAS-Bench-301's surrogate in {name}, but {str(error).splitlines()[0]}."
        raise TableError(message) from error
    shapes = {item.name: len(item.shape) for item in session.get_inputs()}
    if shapes != {"x_cat": 2, "x_cont": 2} or [len(item.shape) for item in session.get_outputs()] != [2]:
        message = f"Expected NAS-Bench-301's surrogate, from x_cat and x_cont to one output, in {name}, got {shapes}."
        raise TableError(message)
    return session


def _of_any_number(network: bytes) -> bytes:
    """The network for as many architectures at once as one likes, where its file says one."""
    import onnx

    model = onnx.load_from_string(network)
    for end in [*model.graph.input, *model.graph.output]:
        if end.type.tensor_type.shape.dim:
            end.type.tensor_type.shape.dim[0].dim_param = "architectures"
    return bytes(model.SerializeToString())
