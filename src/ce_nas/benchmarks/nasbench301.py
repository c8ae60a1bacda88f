"""NAS-Bench-301: the DARTS space with a surrogate that predicts accuracy and training time at every epoch.

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
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ce_nas.benchmarks.base import Benchmark, Evaluator, MetricSpec
from ce_nas.core.errors import MissingExtraError, SettingsError, TableError
from ce_nas.core.records import Outcome, TaskKind
from ce_nas.core.rng import random_stream
from ce_nas.space.darts import DARTS_CELL_TYPES, DARTS_EDGES, DARTS_NODES, DARTS_OPERATIONS, DartsSpace
from ce_nas.space.darts_counts import DartsCounts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ce_nas.benchmarks.base import ProxyScores
    from ce_nas.benchmarks.supernet_noise import SimulatedSupernetScores
    from ce_nas.core.records import Architecture, Objective, Task

__all__ = ["FULL_EPOCHS", "NasBench301", "NasBench301Evaluator", "NasBench301Surrogate"]

#: epochs of a full training [NB301, appendix C]
FULL_EPOCHS = 98
#: %, below the worst of a sample of the space; with 0 % the smallest network alone would dominate the hypervolume
ACCURACY_REFERENCE = 90.0
#: random architectures from which an accuracy's rank and the mean training time are estimated
REFERENCE_SAMPLE_SIZE = 4096
#: the surrogate's category for an absent operation or pair of inputs
_ABSENT_CHOICE = "#na#"
#: input columns: an operation per edge of both cells, then the pair of inputs of nodes 3 to 5 of both [YAHPO]
_INPUT_COLUMNS = (
    *(f"edge_{cell}_{edge}" for cell in DARTS_CELL_TYPES for edge in range(len(DARTS_EDGES))),
    *(f"inputs_node_{cell}_{node}" for cell in DARTS_CELL_TYPES for node in DARTS_NODES[1:]),
)


class NasBench301Surrogate:
    """The neural network of [YAHPO], which predicts accuracy and training time.

    :param path: ``nb301_surrogate.onnx``, with its ``encoding.json`` in the same folder.
    :raises TableError: if one of them is missing or invalid.
    :raises MissingExtraError: if onnx or onnxruntime is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        network, encoding = _read_bytes(path), _read_bytes(path.with_name("encoding.json"))
        self.fingerprint = hashlib.sha256(network + encoding).hexdigest()
        self._column_codes = _parse_encoding(encoding)
        self._space = DartsSpace()
        self._session = _open_session(network, path.name)

    def predict(self, architectures: Sequence[Architecture], epoch: int = FULL_EPOCHS) -> np.ndarray:
        """Validation accuracy, %, and the seconds of the training up to that epoch, shape ``(n, 2)``.

        Rounded to single precision, so that predictions do not depend on the batch size.
        """
        if not len(architectures):
            return np.empty((0, 2))
        inputs = {
            "x_cat": self._encode_inputs(architectures),
            "x_cont": np.full((len(architectures), 1), epoch, np.float32),
        }
        (outputs,) = self._session.run(None, inputs)
        return np.column_stack([np.round(outputs[:, 0].astype(float), 4), np.round(outputs[:, 1].astype(float), 2)])

    def _encode_inputs(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """The category code of each input column, shape ``(n, 34)``."""
        edges = self._space.edge_operations(architectures).reshape(len(architectures), -1)
        columns = [codes[column] for codes, column in zip(self._column_codes[: edges.shape[1]], edges.T, strict=True)]
        rows, variables = np.asarray(architectures), self._input_pair_variables
        pair_codes = self._column_codes[edges.shape[1] :]
        columns += [codes[rows[:, variable]] for codes, variable in zip(pair_codes, variables, strict=True)]
        return np.stack(columns, axis=1).astype(np.int32)

    @cached_property
    def _input_pair_variables(self) -> list[int]:
        """Indices of the variables that choose a node's inputs, in the order of the columns."""
        return [index for index, name in enumerate(self._space.variables) if name.endswith(".inputs")]


class NasBench301(Benchmark):
    """Accuracies and training times predicted by the surrogate, with counted parameters and FLOPs.

    Parameters and FLOPs are those of the network that the genotype builds, counted as the benchmark's own tables do.
    """

    name = "NAS-Bench-301"

    def __init__(self, surrogate: NasBench301Surrogate) -> None:
        self.space = DartsSpace()
        self.origin = f"{surrogate.name} (YAHPO's surrogate of NAS-Bench-301, {FULL_EPOCHS} epochs on CIFAR-10)"
        self.notes = (
            "Accuracies and training times are predictions; the largest hypervolume of the space is unknown.",
        )
        self._surrogate = surrogate
        self._network_counts = DartsCounts()
        self._training_results: dict[tuple[Architecture, int], tuple[float, float]] = {}

    @property
    def fingerprint(self) -> str:
        """See :attr:`Benchmark.fingerprint`."""
        return self._surrogate.fingerprint

    @cached_property
    def metric_specs(self) -> Mapping[str, MetricSpec]:
        """See :attr:`Benchmark.metric_specs`; the range of accuracies is that of a sample."""
        accuracies = self._sample_predictions[:, 0]
        ranges = {"params": self._network_counts.parameters_range, "flops": self._network_counts.flops_range}
        return {
            "accuracy": MetricSpec(
                "accuracy",
                "%",
                maximise=True,
                requires_training=True,
                min_value=float(accuracies.min()),
                max_value=float(accuracies.max()),
                reference=ACCURACY_REFERENCE,
            ),
            **{
                name: MetricSpec(
                    name, "M", maximise=False, requires_training=False, min_value=low / 1e6, max_value=high / 1e6
                )
                for name, (low, high) in ranges.items()
            },
        }

    @property
    def mean_epoch_s(self) -> float:
        """See :attr:`Benchmark.mean_epoch_s`."""
        return float(self._sample_predictions[:, 1].mean()) / FULL_EPOCHS

    def training_free_values(self, name: str, architectures: Sequence[Architecture]) -> np.ndarray:
        """See :meth:`Benchmark.training_free_values`: ``params`` and ``flops``, in millions."""
        count = self._network_counts.parameters if name == "params" else self._network_counts.flops
        return np.asarray(count(architectures) / 1e6)

    def all_values(self, name: str) -> None:
        """See :meth:`Benchmark.all_values`."""

    def require_fidelity(self, fidelity: float) -> None:
        """See :meth:`Benchmark.require_fidelity`: one epoch or more."""
        if fidelity_to_epochs(fidelity) < 1:
            message = (
                f"Expected searcher.initial_fidelity of one of {self.name}'s {FULL_EPOCHS} epochs or more, "
                f"{1 / FULL_EPOCHS:.3g}, got {fidelity:g}."
            )
            raise SettingsError(message)

    def build_evaluator(
        self, objectives: Sequence[Objective], proxy_scores: ProxyScores | SimulatedSupernetScores | None
    ) -> NasBench301Evaluator:
        """See :meth:`Benchmark.build_evaluator`."""
        return NasBench301Evaluator(self, objectives, cast("SimulatedSupernetScores | None", proxy_scores))

    def training_result(self, architecture: Architecture, fidelity: float = 1.0) -> tuple[float, float]:
        """Accuracy, %, and duration, s, of a training up to this share of its epochs."""
        key = (architecture, fidelity_to_epochs(fidelity))
        if key not in self._training_results:
            accuracy, duration_s = self._surrogate.predict([architecture], key[1])[0].tolist()
            self._training_results[key] = accuracy, duration_s
        return self._training_results[key]

    @cached_property
    def reference_sample(self) -> list[Architecture]:
        """A fixed uniform sample of the space."""
        return self.space.sample(random_stream(0, "nasbench301"), REFERENCE_SAMPLE_SIZE)

    def normal_scores(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """Normal quantiles of the share of the reference sample with a lower accuracy, shape ``(n,)``."""
        from scipy.special import ndtri

        below = np.searchsorted(self._sorted_sample_accuracies, self._surrogate.predict(architectures)[:, 0])
        return np.asarray(ndtri((below + 0.5) / (REFERENCE_SAMPLE_SIZE + 1.0)))

    @cached_property
    def _sample_predictions(self) -> np.ndarray:
        """Accuracies and training times of the sample, shape ``(n, 2)``."""
        return self._surrogate.predict(self.reference_sample)

    @cached_property
    def _sorted_sample_accuracies(self) -> np.ndarray:
        return np.sort(self._sample_predictions[:, 0])


class NasBench301Evaluator(Evaluator):
    """Evaluates tasks by the surrogate: a training takes the predicted time and returns the predicted accuracy.

    A sampling returns scores and estimates the accuracy by them; parameters and FLOPs are exact.

    :param proxy_scores: the proxy scores; None if there are none, so that nothing can be sampled.
    """

    def __init__(
        self, benchmark: NasBench301, objectives: Sequence[Objective], proxy_scores: SimulatedSupernetScores | None
    ) -> None:
        self.space = benchmark.space
        self.objectives = tuple(objectives)
        self.supernet_training_s = proxy_scores.supernet_training_s if proxy_scores else 0.0
        self.has_proxy_scores = proxy_scores is not None
        self._benchmark = benchmark
        self._proxy_scores = proxy_scores

    def duration_s(self, task: Task) -> float:
        """See :meth:`Evaluator.duration_s`."""
        if task.kind is TaskKind.EVALUATION:
            return self._benchmark.training_result(task.architectures[0], task.fidelity)[1]
        if task.kind is TaskKind.SUPERNET:
            return self.supernet_training_s
        return len(task.architectures) * self._proxy_scores.scoring_time_s if self._proxy_scores else 0.0

    def run(self, task: Task) -> Outcome:
        """See :meth:`Evaluator.run`."""
        architectures = task.architectures
        if task.kind is TaskKind.SAMPLING and self._proxy_scores:
            scores, rank = self._proxy_scores.score(architectures)
            return Outcome(task.id, self._objective_values(architectures, rank), tuple(map(tuple, scores.tolist())))
        accuracy = [self._benchmark.training_result(each, task.fidelity)[0] for each in architectures]
        return Outcome(task.id, self._objective_values(architectures, np.array(accuracy)))

    def _objective_values(
        self, architectures: Sequence[Architecture], accuracy: np.ndarray
    ) -> tuple[tuple[float, ...], ...]:
        """The objectives, all minimised, a row per architecture; accuracies may be estimates on another scale."""
        columns = [
            objective.sign
            * (
                accuracy
                if objective.name == "accuracy"
                else self._benchmark.training_free_values(objective.name, architectures)
            )
            for objective in self.objectives
        ]
        return tuple(map(tuple, np.column_stack(columns).tolist()))


def fidelity_to_epochs(fidelity: float) -> int:
    """Epochs of a share of a full training, rounded."""
    return round(fidelity * FULL_EPOCHS)


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = (
            f"Expected NAS-Bench-301's surrogate and its encoding.json in one folder, but {str(path)!r}: "
            f"{error.strerror or error}."
        )
        raise TableError(message) from error


def _parse_encoding(encoding: bytes) -> list[np.ndarray]:
    """For each column the code of each choice; the last choice of an edge is no operation."""
    try:
        codes_by_column = {name.rpartition("_COLON_")[2]: codes for name, codes in json.loads(encoding).items()}
        space = DartsSpace()
        pairs = [names for variable, names in zip(space.variables, space.choices, strict=True) if ".inputs" in variable]
        edges = len(_INPUT_COLUMNS) - len(pairs)
        choices = [(*DARTS_OPERATIONS, _ABSENT_CHOICE)] * edges + pairs
        return [
            np.array([int(codes_by_column[column][choice]) for choice in names])
            for column, names in zip(_INPUT_COLUMNS, choices, strict=True)
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        message = (
            f"Expected the codes of {len(_INPUT_COLUMNS)} columns such as {_INPUT_COLUMNS[0]} in encoding.json, "
            f"but {error!r}."
        )
        raise TableError(message) from error


def _open_session(network: bytes, name: str) -> Any:  # noqa: ANN401 - onnxruntime has no types
    """A single-threaded session that accepts any batch size."""
    for package in ("onnx", "onnxruntime"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "nasbench301", "NAS-Bench-301's surrogate")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        model = _with_dynamic_batch_size(network)
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the two libraries raise many types for an invalid file
        message = f"Expected NAS-Bench-301's surrogate in {name}, but {str(error).splitlines()[0]}."
        raise TableError(message) from error
    shapes = {each.name: len(each.shape) for each in session.get_inputs()}
    if shapes != {"x_cat": 2, "x_cont": 2} or [len(each.shape) for each in session.get_outputs()] != [2]:
        message = f"Expected NAS-Bench-301's surrogate, from x_cat and x_cont to one output, in {name}, got {shapes}."
        raise TableError(message)
    return session


def _with_dynamic_batch_size(network: bytes) -> bytes:
    """The network with a free batch dimension, where its file fixes it at one."""
    import onnx

    model = onnx.load_from_string(network)
    for end in [*model.graph.input, *model.graph.output]:
        if end.type.tensor_type.shape.dim:
            end.type.tensor_type.shape.dim[0].dim_param = "architectures"
    return bytes(model.SerializeToString())
