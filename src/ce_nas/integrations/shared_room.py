"""Room in a budget that several workers share: a trial reserves what it may take before it starts.

Each worker writes one record into a store that all read, such as the attributes of an Optuna study, and no other
writes it: a store whose writes are seen by every later read is enough, no locks and no transactions. A trial is written
as ``asking``, then the records of the others are read, then it is written as ``running`` or taken out again, as in the
bakery algorithm [B]: of two trials that ask at once at least one sees the other, and the one with the lower number has
precedence. As long as no trial takes more than it reserved, the sum of all usage stays within the limits.

Sources
    [B] Lamport. A New Solution of Dijkstra's Concurrent Programming Problem. Communications of the ACM 17(8), 1974.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ce_nas.integrations.budget_books import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

__all__ = ["MARGIN", "Phase", "SharedRoom", "Verdict", "largest_usage"]

#: share of the largest trial so far that a trial reserves on top of it
MARGIN = 0.1
#: age after which a worker's trials no longer count: it was killed, s
WORKER_TIMEOUT_S = 120.0


class Phase(StrEnum):
    """How far a trial is."""

    #: it reads the others' records next
    ASKING = "asking"
    #: it waits for a first trial to end, and asks again
    WAITING = "waiting"
    RUNNING = "running"


class Verdict(StrEnum):
    """What the records of all workers say of a trial that asks."""

    START = "start"
    #: there is no room
    REFUSE = "refuse"
    #: a trial with a higher number reads at this moment: look again, the trial still asking
    LOOK_AGAIN = "look again"
    #: what a trial takes is unknown, and a first one runs; or more is known to be taken than when it asked: ask again
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class _Trial:
    phase: Phase
    reserved: Usage
    used: Usage = field(default_factory=Usage)

    @property
    def remaining(self) -> Usage:
        """What it may still take."""
        return Usage(
            max(self.reserved.carbon_g - self.used.carbon_g, 0.0),
            max(self.reserved.energy_j - self.used.energy_j, 0.0),
            max(self.reserved.cost - self.used.cost, 0.0),
            max(self.reserved.duration_s - self.used.duration_s, 0.0),
        )


@dataclass(frozen=True, slots=True)
class _Record:
    """What a worker says of itself."""

    usage: Usage
    #: the largest usage of one of its trials, with its work between two trials
    largest: Usage
    #: whether one of its trials was completed
    has_completed: bool
    #: number of each trial that has started
    trials: dict[int, _Trial]
    #: time of the record, s since 1970
    at_s: float

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> _Record:
        trials = {
            int(number): _Trial(Phase(one["phase"]), Usage(**one["reserved"]), Usage(**one["used"]))
            for number, one in content["trials"].items()
        }
        usage, largest = Usage(**content["usage"]), Usage(**content["largest"])
        return cls(usage, largest, content["has_completed"], trials, content["at_s"])


class SharedRoom:
    """One worker's view of a shared budget. Its methods are called under a lock of the worker.

    Example:
        >>> records = {}
        >>> room = SharedRoom("a", lambda: records, records.__setitem__, lambda: 0.0)
        >>> room.ask(0, Usage())
        >>> room.look(0, fits=lambda coming: coming.carbon_g <= 5.0)
        <Verdict.START: 'start'>
        >>> room.settle(0, Verdict.START, Usage())
        >>> room.end(0, Usage(carbon_g=2.0), used=Usage(carbon_g=2.0), completed=True)
        >>> room.reservation().carbon_g
        2.2

    :param own: the name of this worker's record.
    :param read: the records of all workers by name, its own included.
    :param write: writes a record.
    :param now_s: the time that all workers share, s.
    """

    def __init__(
        self,
        own: str,
        read: Callable[[], Mapping[str, Any]],
        write: Callable[[str, dict[str, Any]], object],
        now_s: Callable[[], float],
    ) -> None:
        self._own, self._read, self._write, self._now_s = own, read, write, now_s
        self._record = _Record(Usage(), Usage(), has_completed=False, trials={}, at_s=now_s())

    # -- the three steps of a trial that begins -----------------------------------------------------------------------

    def ask(self, number: int, used: Usage) -> None:
        """Write that a trial asks for room.

        :param used: what this worker used so far.
        """
        self._put(number, _Trial(Phase.ASKING, self.reservation()), used)

    def look(self, number: int, fits: Callable[[Usage], bool], passed: Collection[int] = ()) -> Verdict:
        """Read the others' records, and decide; nothing is written.

        :param fits: whether a coming usage fits next to what all workers used.
        :param passed: trials of this worker that cannot end before this one starts; it never waits for them.
        """
        others = {key: one for key, one in self._trials().items() if key != number}
        asking = [key for key, one in others.items() if one.phase is Phase.ASKING]
        if any(key > number for key in asking):
            return Verdict.LOOK_AGAIN
        own = self._record.trials[number]
        if largest_usage(own.reserved, self.reservation()) != own.reserved:
            return Verdict.WAIT
        started = {key: one for key, one in others.items() if one.phase is not Phase.WAITING}
        if not self._is_length_known() and set(started) - set(passed):
            return Verdict.WAIT
        coming = Usage()
        for one in (*started.values(), own):
            coming.add(one.remaining)
        return Verdict.START if fits(coming) else Verdict.REFUSE

    def settle(self, number: int, verdict: Verdict, used: Usage) -> None:
        """Write the decision."""
        trial = self._record.trials[number]
        if verdict is Verdict.REFUSE:
            self._put(number, None, used)
        elif verdict is not Verdict.LOOK_AGAIN:
            phase = Phase.RUNNING if verdict is Verdict.START else Phase.WAITING
            self._put(number, replace(trial, phase=phase), used)

    # -- later --------------------------------------------------------------------------------------------------------

    def end(self, number: int, taken: Usage, *, used: Usage, completed: bool) -> None:
        """Write what a trial took, in one record with the end of its reservation.

        :param taken: by the trial, with the work of this worker before it.
        :param used: by this worker so far.
        """
        largest = largest_usage(self._record.largest, taken)
        has_completed = self._record.has_completed or completed
        self._record = replace(self._record, largest=largest, has_completed=has_completed)
        self._put(number, None, used)

    def update(self, used: Usage, used_by_trial: Callable[[int], Usage] = lambda _: Usage()) -> None:
        """Write what this worker and its trials used so far, and that it is alive."""
        trials = {number: replace(one, used=used_by_trial(number)) for number, one in self._record.trials.items()}
        self._publish(replace(self._record, usage=used, trials=trials))

    # -- what is known ------------------------------------------------------------------------------------------------

    def reservation(self) -> Usage:
        """What the next trial reserves: the largest of all workers' so far and the margin; nothing before the first."""
        reserved = Usage()
        reserved.add(largest_usage(self._record.largest, *(one.largest for one in self._others())), 1.0 + MARGIN)
        return reserved

    def reserved_by(self, number: int) -> Usage:
        """What a trial of this worker reserved."""
        trial = self._record.trials.get(number)
        return Usage() if trial is None else trial.reserved

    def coming(self, more: int = 0) -> Usage:
        """What all trials that have started may still take, and some more trials."""
        coming = Usage()
        for one in self._trials().values():
            if one.phase is not Phase.WAITING:
                coming.add(one.remaining)
        coming.add(self.reservation(), float(more))
        return coming

    def used_by_others(self) -> Usage:
        """What the other workers used, earlier ones included."""
        total = Usage()
        for one in self._others():
            total.add(one.usage)
        return total

    def _is_length_known(self) -> bool:
        return self._record.has_completed or any(one.has_completed for one in self._others())

    def _trials(self) -> dict[int, _Trial]:
        """The trials of all workers that are alive."""
        alive_s = self._now_s() - WORKER_TIMEOUT_S
        found = dict(self._record.trials)
        for one in self._others():
            if one.at_s > alive_s:
                found.update(one.trials)
        return found

    def _others(self) -> list[_Record]:
        return [_Record.from_json(content) for name, content in self._read().items() if name != self._own]

    def _put(self, number: int, trial: _Trial | None, used: Usage) -> None:
        trials = {key: one for key, one in self._record.trials.items() if key != number}
        if trial is not None:
            trials[number] = trial
        self._publish(replace(self._record, trials=trials, usage=used))

    def _publish(self, record: _Record) -> None:
        self._record = replace(record, usage=replace(record.usage), at_s=self._now_s())
        self._write(self._own, asdict(self._record))


def largest_usage(*usages: Usage) -> Usage:
    """The largest of each kind of usage; nothing of none."""
    return Usage(
        max((one.carbon_g for one in usages), default=0.0),
        max((one.energy_j for one in usages), default=0.0),
        max((one.cost for one in usages), default=0.0),
        max((one.duration_s for one in usages), default=0.0),
    )
