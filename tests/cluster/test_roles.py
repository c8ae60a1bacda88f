"""Laws of a new division: everybody gets one role, as many each as was asked for, and work is disturbed last."""

from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from ce_nas.cluster.roles import ROLES, Role, divided
from ce_nas.core.records import Allocation, Task, TaskKind


@dataclass
class Chair:
    number: int
    task: Task | None = None
    leaving: bool = False
    away: bool = False


@st.composite
def rooms(draw):
    """Some devices, and a division of them."""
    count = draw(st.integers(1, 8))
    seats = []
    for number in range(count):
        kind = draw(st.sampled_from([None, *TaskKind]))
        task = None if kind is None else Task(number, kind, ((0,),))
        seats.append(Chair(number, task, draw(st.booleans()), task is None and draw(st.booleans())))
    cuts = sorted(draw(st.lists(st.integers(0, count), min_size=3, max_size=3)))
    sampling, evaluating, idle = cuts[0], cuts[1] - cuts[0], cuts[2] - cuts[1]
    return seats, Allocation(sampling, evaluating, idle, count - cuts[2])


def wanted(allocation):
    return Counter({
        Role.SAMPLING: allocation.sampling, Role.EVALUATING: allocation.evaluating,
        Role.IDLE: allocation.idle, Role.RELEASED: allocation.released,
    })  # fmt: skip


@given(rooms())
def test_every_device_gets_one_role_and_every_role_its_number(room):
    seats, allocation = room
    roles = divided(seats, allocation)
    assert set(roles) == {seat.number for seat in seats}
    assert Counter(roles.values()) == +wanted(allocation)


@given(rooms())
def test_no_task_is_disturbed_while_its_role_is_wanted(room):
    """As many tasks of each kind go on as there are, or as their role is wanted."""
    seats, allocation = room
    roles = divided(seats, allocation)
    for role in (Role.EVALUATING, Role.SAMPLING):
        at_work = [seat for seat in seats if seat.task and not seat.leaving and ROLES[seat.task.kind] is role]
        going_on = [seat for seat in at_work if roles[seat.number] is role]
        assert len(going_on) == min(len(at_work), wanted(allocation)[role])
        assert going_on == at_work[: len(going_on)]


@given(rooms())
def test_nothing_is_fetched_back_while_a_free_device_is_held(room):
    """A device that is away works only if every idle one that is held works or rests by somebody's wish."""
    seats, allocation = room
    roles = divided(seats, allocation)
    free = [seat for seat in seats if seat.task is None or seat.leaving]
    fetched = [seat for seat in free if seat.away and roles[seat.number] in {Role.EVALUATING, Role.SAMPLING}]
    given_back = [seat for seat in free if not seat.away and roles[seat.number] is Role.RELEASED]
    assert not (fetched and given_back)
