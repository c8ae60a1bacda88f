"""Where a run's space was cut, in words: the partition learned of its trainings, told by small decision trees.

Questions about architectures that people would ask: what sits on an edge, how often, and what reaches the output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.analysis.summary import beginning
from ce_nas.core.errors import SettingsError
from ce_nas.pareto.dominance import is_front
from ce_nas.search.lamoo.partition_tree import Partition, PartitionSettings, path_holds
from ce_nas.space.nasbench201 import NB201_EDGES, NasBench201Space

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ce_nas.report.i18n.words import Words
    from ce_nas.search.lamoo.partition_tree import Node
    from ce_nas.space.base import Space
    from ce_nas.store.journal import Entry

__all__ = ["Cut", "Question", "cuts", "questions", "region_of"]

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


#: the ways from the input of a NAS-Bench-201 cell to its output, as places among its edges
_WAYS = tuple(
    tuple(NB201_EDGES.index(edge) for edge in way)
    for way in (((3, 0),), ((1, 0), (3, 1)), ((2, 0), (3, 2)), ((1, 0), (2, 1), (3, 2)))
)


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A question with yes or no for an answer."""

    #: its words: this key for yes, and with ``.not`` for no
    key: str
    values: Mapping[str, object]
    #: the answer for each architecture, shape (n,)
    answers: np.ndarray
    #: what it is about: of two alike on the same thing, the second says more
    subject: str

    def said(self, words: Words, *, yes: bool) -> str:
        """The answer as a part of a sentence."""
        return words(self.key if yes else f"{self.key}.not", **self.values)


def questions(space: Space, rows: np.ndarray) -> list[Question]:
    """The questions that a space suggests, answered for architectures.

    :param rows: the architectures, shape ``(n, variables)``, of small integers.
    """
    asked = [*_choices(space, rows), *_counts(space, rows)]
    if isinstance(space, NasBench201Space):
        asked += _reaching(space, rows)
    return [one for one in asked if one.answers.any() and not one.answers.all()]


def _choices(space: Space, rows: np.ndarray) -> Iterator[Question]:
    for place, (variable, names) in enumerate(zip(space.variables, space.choices, strict=True)):
        for choice, name in enumerate(names):
            key = "why.edge" if isinstance(space, NasBench201Space) else "why.is"
            yield Question(key, {"variable": variable, "choice": name}, rows[:, place] == choice, variable)


def _counts(space: Space, rows: np.ndarray) -> Iterator[Question]:
    """How often a choice was made, where all variables have the same choices."""
    if len(set(space.choices)) > 1:
        return
    for choice, name in enumerate(space.choices[0]):
        found = (rows == choice).sum(axis=1)
        for count in range(1, len(space.variables)):
            values = {"count": count, "choice": name, "below": count - 1}
            yield Question("why.count" if count > 1 else "why.has", values, found >= count, f"number of {name}")


def _reaching(space: Space, rows: np.ndarray) -> Iterator[Question]:
    """Whether an operation lies on a way from the input to the output on which nothing is ``none``."""
    none = space.choices[0].index("none")
    for choice, name in enumerate(space.choices[0]):
        if choice != none:
            ways = [(rows[:, way] != none).all(axis=1) & (rows[:, way] == choice).any(axis=1) for way in _WAYS]
            yield Question("why.reaches", {"choice": name}, np.logical_or.reduce(ways), f"reaching {name}")
