"""Describes LaMOO's partition of a space by small decision trees over readable predicates of architectures.

The partition is fitted again to all full trainings of a run. For each boundary, a decision tree approximates which
architectures it drops, with predicates such as which operation is on an edge, how often, and what reaches the output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ce_nas.analysis.summary import run_header
from ce_nas.core.errors import SettingsError
from ce_nas.pareto.dominance import is_nondominated
from ce_nas.search.lamoo.partition_tree import PartitionSettings, PartitionTree, path_contains
from ce_nas.space.nasbench201_cell import NB201_EDGES, NasBench201Space

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ce_nas.search.lamoo.partition_tree import PartitionNode
    from ce_nas.space.base import Space
    from ce_nas.store.journal import JournalEntry

__all__ = [
    "ArchitecturePredicate",
    "PartitionSplit",
    "PredicateKind",
    "build_predicates",
    "explain_splits",
    "find_region",
]

#: ``choice``: a variable has a value; ``edge_choice``: the same of an edge; ``contains``, ``count``: a value occurs at
#: least once, or more often; ``reaches_output``: an operation is connected to the output
PredicateKind = Literal["choice", "edge_choice", "contains", "count", "reaches_output"]
#: larger spaces are sampled
MAX_ENUMERATED_ARCHITECTURES = 20_000
SAMPLED_ARCHITECTURES = 5_000
#: depth of the tree, and the smallest share of the architectures in a leaf
MAX_TREE_DEPTH = 3
MIN_LEAF_SHARE = 0.02
#: regions with fewer architectures get no description
MIN_ARCHITECTURES = 40


@dataclass(frozen=True, slots=True, eq=False)
class PartitionSplit:
    """A boundary of the partition: the part of a region that it drops."""

    #: the region that is split: a sign for each boundary above, ``+`` on its good side; empty: the whole space
    region: str
    #: trained architectures in the region, and on the dropped side
    n_trained: int
    n_trained_dropped: int
    #: of those on the run's front, the number on the dropped side
    n_front_dropped: int
    #: share of the region's architectures that are dropped
    dropped_share: float
    #: what most of the dropped architectures have in common: predicates that hold or not; empty if there is none
    conditions: tuple[tuple[ArchitecturePredicate, bool], ...]
    #: share of the dropped architectures that meet the conditions
    recall: float
    #: share of the architectures that meet the conditions that are dropped
    precision: float
    #: share of the region's architectures on which the whole tree agrees with the boundary
    tree_accuracy: float
    #: architectures behind these shares, and whether these are all of the region
    n_architectures: int
    exhaustive: bool


def explain_splits(entries: Sequence[JournalEntry], space: Space) -> list[PartitionSplit]:
    """Describe the splits of the partition fitted to all full trainings of a run, from the root down.

    :raises SettingsError: if the run's searcher has no partition, or no training has finished.
    """
    partition, trained, front = _fit_partition(entries, space)
    exhaustive = space.size <= MAX_ENUMERATED_ARCHITECTURES
    rows = space.members if exhaustive else space.sample_rows(np.random.default_rng(0), SAMPLED_ARCHITECTURES)
    features = space.encode(rows)
    return [
        _explain_node(node, space, rows[path_contains(node.path, features)], trained, front, exhaustive=exhaustive)
        for node in _split_nodes(partition.root)
    ]


def find_region(entries: Sequence[JournalEntry], space: Space, architecture: Sequence[int]) -> str:
    """Return the leaf of that partition that contains an architecture.

    :raises SettingsError: as :func:`explain_splits` does.
    """
    node = _fit_partition(entries, space)[0].root
    features = space.encode([tuple(architecture)])
    while node.boundary is not None:
        good = bool(node.boundary.is_good(node.boundary.decision(features))[0])
        node = node.children[0 if good else 1]
    return _region_name(node)


def _fit_partition(entries: Sequence[JournalEntry], space: Space) -> tuple[PartitionTree, np.ndarray, np.ndarray]:
    """Fit the partition; also return the encoded trained architectures, and which of them are on the front."""
    header = run_header(entries)
    trainings = [entry.content for entry in entries if entry.kind == "evaluated" and entry.content["fidelity"] == 1.0]
    name = header["settings"]["searcher"]["name"]
    if name != "lamoo" or not trainings:
        reason = f"searcher {name!r} has no partition" if name != "lamoo" else "no training has finished"
        message = f"Expected a run with a partition (searcher lamoo), but {reason}; there is no region to explain."
        raise SettingsError(message)
    features = space.encode([tuple(content["architecture"]) for content in trainings])
    values = np.array([content["values"] for content in trainings])
    reference = np.array([(-1.0 if one["maximise"] else 1.0) * one["reference"] for one in header["objectives"]])
    return (
        PartitionTree(features, values, reference, PartitionSettings()),
        features,
        np.asarray(is_nondominated(values)),
    )


def _split_nodes(node: PartitionNode) -> Iterator[PartitionNode]:
    if node.boundary is not None:
        yield node
        for child in node.children:
            yield from _split_nodes(child)


def _region_name(node: PartitionNode) -> str:
    return "".join("+" if constraint.good else "-" for constraint in node.path)


def _explain_node(  # noqa: PLR0913 - private, all arguments of one caller
    node: PartitionNode, space: Space, rows: np.ndarray, trained: np.ndarray, front: np.ndarray, *, exhaustive: bool
) -> PartitionSplit:
    assert node.boundary is not None  # noqa: S101 - the caller selects split nodes
    members = np.flatnonzero(path_contains(node.path, trained))
    bad_trained = ~node.boundary.is_good(node.boundary.decision(trained[members]))
    dropped = ~node.boundary.is_good(node.boundary.decision(space.encode(rows)))
    conditions, holds, accuracy = _fit_rule(space, rows, dropped)
    return PartitionSplit(
        region=_region_name(node),
        n_trained=len(members),
        n_trained_dropped=int(bad_trained.sum()),
        n_front_dropped=int((bad_trained & front[members]).sum()),
        dropped_share=float(dropped.mean()) if len(rows) else 0.0,
        conditions=conditions,
        recall=_share(holds & dropped, dropped),
        precision=_share(holds & dropped, holds),
        tree_accuracy=accuracy,
        n_architectures=len(rows),
        exhaustive=exhaustive,
    )


def _fit_rule(
    space: Space, rows: np.ndarray, dropped: np.ndarray
) -> tuple[tuple[tuple[ArchitecturePredicate, bool], ...], np.ndarray, float]:
    """Fit a tree to the dropped rows: conditions of its largest leaf, rows in that leaf, accuracy of the tree."""
    from sklearn.tree import DecisionTreeClassifier

    no_rows = np.zeros(len(rows), dtype=bool)
    separable = len(rows) >= MIN_ARCHITECTURES and dropped.any() and not dropped.all()
    predicates = build_predicates(space, rows) if separable else []
    if not predicates:
        return (), no_rows, 0.0
    features = np.column_stack([predicate.mask for predicate in predicates])
    tree = DecisionTreeClassifier(max_depth=MAX_TREE_DEPTH, min_samples_leaf=MIN_LEAF_SHARE, random_state=0).fit(
        features, dropped
    )
    leaves, predicted = tree.apply(features), tree.predict(features)
    accuracy = float((predicted == dropped).mean())
    if not predicted.any():
        return (), no_rows, accuracy
    counts = np.bincount(leaves[predicted], weights=dropped[predicted])
    leaf = int(counts.argmax())
    member = features[leaves == leaf][:1]
    columns = [tree.tree_.feature[node] for node in tree.decision_path(member).indices[:-1]]
    conditions = [(predicates[column], bool(member[0, column])) for column in columns]
    return _simplify_conditions(conditions), leaves == leaf, accuracy


def _simplify_conditions(
    conditions: Sequence[tuple[ArchitecturePredicate, bool]],
) -> tuple[tuple[ArchitecturePredicate, bool], ...]:
    """Drop the conditions that another one implies: a negation on a decided variable, a wider count."""
    decided = {
        predicate.subject for predicate, holds in conditions if holds and predicate.kind in {"choice", "edge_choice"}
    }
    kept = {
        (predicate.subject if predicate.kind in {"contains", "count"} else index, holds): (predicate, holds)
        for index, (predicate, holds) in enumerate(conditions)
        if holds or predicate.subject not in decided
    }
    return tuple(kept.values())


def _share(part: np.ndarray, whole: np.ndarray) -> float:
    return float(part.sum() / whole.sum()) if whole.any() else 0.0


#: paths from the input of a NAS-Bench-201 cell to its output, as indices of its edges
_INPUT_OUTPUT_PATHS = tuple(
    tuple(NB201_EDGES.index(edge) for edge in path)
    for path in (((3, 0),), ((1, 0), (3, 1)), ((2, 0), (3, 2)), ((1, 0), (2, 1), (3, 2)))
)


@dataclass(frozen=True, slots=True, eq=False)
class ArchitecturePredicate:
    """A property that an architecture has or not."""

    kind: PredicateKind
    #: variable, choice and counts that the property names
    values: Mapping[str, object]
    #: whether each architecture has it, shape (n,)
    mask: np.ndarray
    #: of two predicates with the same subject, the later one in a tree is the tighter
    subject: str


def build_predicates(space: Space, rows: np.ndarray) -> list[ArchitecturePredicate]:
    """Build the predicates of a space that separate the given architectures.

    :param rows: the architectures, shape ``(n, variables)``, of small integers.
    """
    predicates = [*_choice_predicates(space, rows), *_count_predicates(space, rows)]
    if isinstance(space, NasBench201Space):
        predicates += _reachability_predicates(space, rows)
    return [predicate for predicate in predicates if predicate.mask.any() and not predicate.mask.all()]


def _choice_predicates(space: Space, rows: np.ndarray) -> Iterator[ArchitecturePredicate]:
    kind: PredicateKind = "edge_choice" if isinstance(space, NasBench201Space) else "choice"
    for column, (variable, names) in enumerate(zip(space.variables, space.choices, strict=True)):
        for choice, name in enumerate(names):
            values = {"variable": variable, "choice": name}
            yield ArchitecturePredicate(kind, values, rows[:, column] == choice, variable)


def _count_predicates(space: Space, rows: np.ndarray) -> Iterator[ArchitecturePredicate]:
    """Count how often a choice occurs; only if all variables have the same choices."""
    if len(set(space.choices)) > 1:
        return
    for choice, name in enumerate(space.choices[0]):
        counts = (rows == choice).sum(axis=1)
        for count in range(1, len(space.variables)):
            values = {"count": count, "choice": name, "below": count - 1}
            kind: PredicateKind = "count" if count > 1 else "contains"
            yield ArchitecturePredicate(kind, values, counts >= count, f"number of {name}")


def _reachability_predicates(space: Space, rows: np.ndarray) -> Iterator[ArchitecturePredicate]:
    """Check whether an operation lies on a path from the input to the output without ``none``."""
    none = space.choices[0].index("none")
    for choice, name in enumerate(space.choices[0]):
        if choice != none:
            on_paths = [
                (rows[:, path] != none).all(axis=1) & (rows[:, path] == choice).any(axis=1)
                for path in _INPUT_OUTPUT_PATHS
            ]
            mask = np.logical_or.reduce(on_paths)
            yield ArchitecturePredicate("reaches_output", {"choice": name}, mask, f"reaching {name}")
