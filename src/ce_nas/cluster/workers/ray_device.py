"""What a worker pool on a Ray cluster knows of each device."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ce_nas.core.records import Task

__all__ = ["RayDevice"]


@dataclass(slots=True)
class RayDevice:
    """The state of one device of a Ray cluster; references are those of results that are pending."""

    number: int
    #: its actor; None while it is released
    actor: Any = None
    task: Task | None = None
    start_ref: Any = None
    pulse_ref: Any = None
    task_ref: Any = None
    files_ref: Any = None
    #: whether its actor works in the folder of the run; otherwise the common files that it has
    is_shared: bool = True
    common: dict[str, Any] = field(default_factory=dict)
    is_ready: bool = False
    #: whether the run knows that its task has started
    has_started: bool = False
    #: whether the run knows that the device is lost, and not yet that it is ready again
    is_lost: bool = False
    #: why no other actor is created for it; empty while one is
    given_up: str = ""
    deaths: int = 0
    #: number of its last attempt at a task
    attempt: int = 0
    #: monotonic times, s: the creation of its actor, its last sign of life, its last pulse, the end of waiting for a
    #: checkpoint, and the end of its actor after a release
    created_s: float = 0.0
    alive_s: float = 0.0
    pulse_s: float = 0.0
    preempt_until_s: float | None = None
    released_until_s: float | None = None
    #: when its files were asked for last, and are to be asked for next
    files_asked_s: float = 0.0
    files_due_s: float = 0.0
    #: bytes that are kept of the log of its task
    log_kept: int = 0

    def refs(self) -> list[Any]:
        """The pending results."""
        return [ref for ref in (self.start_ref, self.pulse_ref, self.files_ref, self.task_ref) if ref is not None]
