"""Settings read back from a journal, also from one that was started before some of them were there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ce_nas.config.schema import Settings
from ce_nas.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["complete_recorded", "read_recorded_settings"]

#: section, component of it (None: any) and option of settings that older journals lack, and the value that says what
#: their runs do
_ABSENT: dict[tuple[str, str | None, str], object] = {
    ("live", None, "latency_samples"): 0,
    ("policy", "look-ahead", "plan_for_searcher"): False,
}
#: an option that the journals of an earlier version hold, false where it was not stated
_REMOVED = "fewest_gpus"
_GONE = (
    f"This run was started with policy.{_REMOVED}, which is gone; continue it with the earlier version, "
    "or start a new run."
)


def complete_recorded(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The recorded settings, with the options that older journals lack, and without one that is gone.

    Example:
        >>> complete_recorded({"live": {"enabled": True}})
        {'live': {'latency_samples': 0, 'enabled': True}}

    :raises SettingsError: if the run was started with an option that is gone.
    """
    complete = dict(recorded)
    policy = dict(complete.get("policy", {}))
    if policy.pop(_REMOVED, None):
        raise SettingsError(_GONE)
    if "policy" in complete:
        complete["policy"] = policy
    for (section, component, option), value in _ABSENT.items():
        if section in complete and component in {None, complete[section].get("name")}:
            complete[section] = {option: value, **complete[section]}
    return complete


def read_recorded_settings(header: Mapping[str, Any]) -> Settings:
    """The settings of the run whose journal has this first entry."""
    return Settings.model_validate(complete_recorded(header["settings"]))
