"""A policy against every rule, in zones and on records that none was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.allocate.learned import Learned
from ce_nas.allocate.policy_file import load_builtin, read_policy
from ce_nas.engine.build import allocator_of
from ce_nas.engine.names import POLICIES
from ce_nas.engine.settings import PolicySettings
from ce_nas.experiment.truth import Truth
from ce_nas.learn.judge import judge
from ce_nas.learn.recording import recorded, split
from ce_nas.learn.scenario import TEST_ZONES, Range, Scenarios, prepared

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ce_nas.allocate.allocator import Allocator
    from ce_nas.learn.judge import Verdict
    from ce_nas.learn.scenario import Scenario

__all__ = ["contest"]


def contest(policy: Path | None, recordings: Path | None, scenarios: int, seed: int, *, truth: bool) -> list[Verdict]:
    """Verdicts on the policy in the file (None: the built-in one) and on every rule; ratios refer to the policy.

    :param truth: whether all of them see the true intensity in place of a forecast.
    """
    network = read_policy(policy) if policy else load_builtin()
    rivals: dict[str, Callable[[], Allocator]] = {"learned": lambda: Learned(network)}
    rivals |= {name: _maker(name) for name in POLICIES if name not in {"learned", "all-sampling"}}
    drawn = Scenarios(seed, "test", split(recorded(recordings)).test, Range(zones=TEST_ZONES))
    return judge(rivals, drawn, range(scenarios), _seer if truth else None)


def _maker(name: str) -> Callable[[], Allocator]:
    return lambda: allocator_of(PolicySettings(name=name))


def _seer(scenario: Scenario) -> Truth:
    return Truth(prepared(scenario).intensity)
