"""Where a run's space was cut, in words: the partition learned of its trainings, told by small decision trees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import SettingsError
from ce_nas.pareto.dominance import is_front
from ce_nas.report.questions import questions
from ce_nas.report.summary import beginning
from ce_nas.search.partition import Partition, PartitionSettings, path_holds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ce_nas.report.questions import Question
    from ce_nas.search.partition import Node
    from ce_nas.space.space import Space
    from ce_nas.store.journal import Entry

__all__ = ["Cut", "cuts", "region_of"]

#: larger spaces are drawn from
LARGEST = 20_000
DRAWN = 5_000
#: how many questions a tree asks one after another, and the share of the architectures that an answer must have
QUESTIONS = 3
FEWEST = 0.02
#: of fewer architectures nothing is said
ENOUGH = 40


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """One boundary: what it dropped of a region."""

    #: the region that was cut: a sign for each boundary above, ``+`` on its good side; empty: the whole space
    region: str
    #: trained architectures in the region, and on the dropped side
    trained: int
    dropped_trained: int
    #: of those on the run's front, how many are on the dropped side
    dropped_front: int
    #: share of the region's architectures that is dropped
    dropped: float
    #: what most of the dropped ones have in common, with yes or no each; empty where there is nothing short to say
    clauses: tuple[tuple[Question, bool], ...]
    #: share of the dropped ones of which that is true
    covers: float
    #: share of those of which it is true that is dropped
    purity: float
    #: share of the region's architectures on which the whole tree agrees with the boundary
    fidelity: float
    #: architectures on which these shares rest, and whether they are all there are
    counted: int
    whole: bool


def cuts(entries: Sequence[Entry], space: Space) -> list[Cut]:
    """The cuts of the partition as all full trainings of the run make it, from the root down.

    :raises SettingsError: if the run's searcher divides no space, or nothing was trained yet.
    """
    partition, trained, front = _learned(entries, space)
    whole = space.size <= LARGEST
    rows = space.members if whole else space.drawn(np.random.default_rng(0), DRAWN)
    features = space.encode(rows)
    return [
        _told(node, space, rows[path_holds(node.path, features)], trained, front, whole=whole)
        for node in _cut_nodes(partition.root)
    ]


def region_of(entries: Sequence[Entry], space: Space, architecture: Sequence[int]) -> str:
    """The leaf of that partition in which an architecture lies.

    :raises SettingsError: as :func:`cuts` does.
    """
    node = _learned(entries, space)[0].root
    features = space.encode([tuple(architecture)])
    while node.boundary is not None:
        good = bool(node.boundary.is_good(node.boundary.decision(features))[0])
        node = node.children[0 if good else 1]
    return _signs(node)


def _learned(entries: Sequence[Entry], space: Space) -> tuple[Partition, np.ndarray, np.ndarray]:
    """The partition, the trained architectures encoded, and which of them are on the front."""
    begun = beginning(entries)
    found = [entry.content for entry in entries if entry.kind == "evaluated" and entry.content["fidelity"] == 1.0]
    name = begun["settings"]["searcher"]["name"]
    if name != "lamoo" or not found:
        reason = f"searcher {name!r} divides no space" if name != "lamoo" else "nothing was trained yet"
        message = (
            f"Expected a run whose searcher divides the space (lamoo), but {reason}; there is no region to explain."
        )
        raise SettingsError(message)
    features = space.encode([tuple(content["architecture"]) for content in found])
    values = np.array([content["values"] for content in found])
    reference = np.array([(-1.0 if item["maximise"] else 1.0) * item["reference"] for item in begun["objectives"]])
    return Partition(features, values, reference, PartitionSettings()), features, np.asarray(is_front(values))


def _cut_nodes(node: Node) -> Iterator[Node]:
    if node.boundary is not None:
        yield node
        for child in node.children:
            yield from _cut_nodes(child)


def _signs(node: Node) -> str:
    return "".join("+" if constraint.good else "-" for constraint in node.path)


def _told(  # noqa: PLR0913 - a region, and what is known of it
    node: Node, space: Space, rows: np.ndarray, trained: np.ndarray, front: np.ndarray, *, whole: bool
) -> Cut:
    assert node.boundary is not None  # noqa: S101 - only divided nodes are told
    inside = np.flatnonzero(path_holds(node.path, trained))
    bad_trained = ~node.boundary.is_good(node.boundary.decision(trained[inside]))
    dropped = ~node.boundary.is_good(node.boundary.decision(space.encode(rows)))
    clauses, holds, fidelity = _common(space, rows, dropped)
    return Cut(
        region=_signs(node),
        trained=len(inside),
        dropped_trained=int(bad_trained.sum()),
        dropped_front=int((bad_trained & front[inside]).sum()),
        dropped=float(dropped.mean()) if len(rows) else 0.0,
        clauses=clauses,
        covers=_share(holds & dropped, dropped),
        purity=_share(holds & dropped, holds),
        fidelity=fidelity,
        counted=len(rows),
        whole=whole,
    )


def _common(
    space: Space, rows: np.ndarray, dropped: np.ndarray
) -> tuple[tuple[tuple[Question, bool], ...], np.ndarray, float]:
    """What most of the dropped ones have in common, of which rows it is true, and how true the whole tree is."""
    from sklearn.tree import DecisionTreeClassifier

    nobody = np.zeros(len(rows), dtype=bool)
    asked = questions(space, rows) if len(rows) >= ENOUGH and dropped.any() and not dropped.all() else []
    if not asked:
        return (), nobody, 0.0
    answers = np.column_stack([one.answers for one in asked])
    tree = DecisionTreeClassifier(max_depth=QUESTIONS, min_samples_leaf=FEWEST, random_state=0).fit(answers, dropped)
    leaves, called = tree.apply(answers), tree.predict(answers)
    fidelity = float((called == dropped).mean())
    if not called.any():
        return (), nobody, fidelity
    counts = np.bincount(leaves[called], weights=dropped[called])
    leaf = int(counts.argmax())
    path = tree.decision_path(answers[leaves == leaf][:1]).indices
    steps = [
        (asked[tree.tree_.feature[at]], bool(answers[leaves == leaf][0, tree.tree_.feature[at]])) for at in path[:-1]
    ]
    return _short(steps), leaves == leaf, fidelity


def _short(steps: Sequence[tuple[Question, bool]]) -> tuple[tuple[Question, bool], ...]:
    """The steps without those that another one says already: a no beside a yes on an edge, a wider count."""
    decided = {question.subject for question, yes in steps if yes and question.key in {"why.is", "why.edge"}}
    kept = {
        (question.subject if question.key in {"why.has", "why.count"} else at, yes): (question, yes)
        for at, (question, yes) in enumerate(steps)
        if yes or question.subject not in decided
    }
    return tuple(kept.values())


def _share(part: np.ndarray, whole: np.ndarray) -> float:
    return float(part.sum() / whole.sum()) if whole.any() else 0.0
