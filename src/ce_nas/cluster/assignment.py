"""Which device gets which role when the devices are divided anew: as few running tasks as can be are disturbed."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from ce_nas.core.records import Activity, TaskKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ce_nas.core.records import Allocation, Task

__all__ = ["ACTIVITIES", "ROLES", "Role", "Seat", "divided"]


class Role(StrEnum):
    """What a device is for in this period."""

    EVALUATING = "evaluating"
    SAMPLING = "sampling"
    IDLE = "idle"
    RELEASED = "released"


#: what a device is about while it works on a task
ACTIVITIES = {
    TaskKind.EVALUATION: Activity.TRAINING,
    TaskKind.SAMPLING: Activity.SAMPLING,
    TaskKind.SUPERNET: Activity.SUPERNET,
}
#: the role that a task wants of its device
ROLES = {
    TaskKind.EVALUATION: Role.EVALUATING,
    TaskKind.SAMPLING: Role.SAMPLING,
    TaskKind.SUPERNET: Role.SAMPLING,
}


class Seat(Protocol):
    """A device, as far as its role depends on it."""

    number: int
    #: what it works on
    task: Task | None
    #: whether it is leaving that task
    leaving: bool
    #: whether it is given back to others
    away: bool


def divided(seats: Iterable[Seat], allocation: Allocation) -> dict[int, Role]:
    """The role of each device, by its number.

    A device keeps its task if the task's role is still wanted; those first in ``seats`` keep theirs first. Of the
    others, devices that are held are taken before those that are away, and low numbers first.
    """
    wanted = {
        Role.EVALUATING: allocation.evaluating,
        Role.SAMPLING: allocation.sampling,
        Role.IDLE: allocation.idle,
        Role.RELEASED: allocation.released,
    }
    kept: dict[int, Role] = {}
    everyone = list(seats)
    for seat in everyone:
        role = ROLES[seat.task.kind] if seat.task and not seat.leaving else None
        if role is not None and wanted[role] > 0:
            wanted[role] -= 1
            kept[seat.number] = role
    others = sorted((seat for seat in everyone if seat.number not in kept), key=lambda seat: (seat.away, seat.number))
    left = [role for role, count in wanted.items() for _ in range(count)]
    return kept | {seat.number: role for seat, role in zip(others, left, strict=True)}
