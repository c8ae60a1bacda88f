"""Dividing devices anew: the counts are kept, and as few running tasks as can be are disturbed."""

import collections
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from ce_nas.cluster.assignment import ROLES, Role, divided
from ce_nas.core.records import Allocation, Task, TaskKind


@dataclass
class Seat:
    number: int
    task: Task | None
    leaving: bool
    away: bool


@st.composite
def fleets(draw):
    """Devices in an order of their own, and an allocation of them."""
    count = draw(st.integers(1, 8))
    seats = []
    for number in draw(st.permutations(range(count))):
        kind = draw(st.sampled_from([None, *TaskKind]))
        task = None if kind is None else Task(number, kind, ((number,),))
        seats.append(Seat(number, task, task is not None and draw(st.booleans()), task is None and draw(st.booleans())))
    roles = collections.Counter(draw(st.lists(st.sampled_from(list(Role)), min_size=count, max_size=count)))
    allocation = Allocation(roles[Role.SAMPLING], roles[Role.EVALUATING], roles[Role.IDLE], roles[Role.RELEASED])
    return seats, allocation


@given(fleets())
def test_every_device_has_a_role_and_the_counts_are_the_allocations(fleet):
    seats, allocation = fleet
    roles = divided(seats, allocation)
    assert sorted(roles) == list(range(len(seats)))
    counts = collections.Counter(map(str, roles.values()))
    assert {name: counts[name] for name in allocation.counts()} == allocation.counts()


@given(fleets())
def test_a_task_stays_unless_fewer_of_its_kind_are_wanted_and_the_first_stay_first(fleet):
    seats, allocation = fleet
    roles = divided(seats, allocation)
    for role in (Role.EVALUATING, Role.SAMPLING):
        working = [seat for seat in seats if seat.task and not seat.leaving and ROLES[seat.task.kind] is role]
        kept = [seat for seat in working if roles[seat.number] is role]
        wanted = allocation.counts()[str(role)]
        assert kept[: min(len(working), wanted)] == working[:wanted]


@given(fleets())
def test_a_device_that_is_away_is_taken_back_only_when_no_other_is_free(fleet):
    seats, allocation = fleet
    roles = divided(seats, allocation)
    settled = {seat.number for seat in seats if seat.task and not seat.leaving}
    held = [roles[seat.number] for seat in seats if not seat.away and seat.number not in settled]
    away = [roles[seat.number] for seat in seats if seat.away]
    if any(role is not Role.RELEASED for role in away):
        assert all(role is not Role.RELEASED for role in held)
