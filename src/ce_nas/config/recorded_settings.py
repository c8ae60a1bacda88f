"""Settings read back from a journal, also from one that was started before some of them were there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ce_nas.config.schema import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["complete_recorded", "read_recorded_settings"]

#: section, component of it (None: any) and option of settings that older journals lack, and the value that says what
#: their runs do
_ABSENT: dict[tuple[str, str | None, str], object] = {
    ("live", None, "latency_samples"): 0,
    ("policy", "look-ahead", "plan_for_searcher"): False,
}


def complete_recorded(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The recorded settings, with the options that older journals lack.

    Example:
        >>> complete_recorded({"live": {"enabled": True}})
        {'live': {'latency_samples': 0, 'enabled': True}}
    """
    complete = dict(recorded)
    for (section, component, option), value in _ABSENT.items():
        if section in complete and component in {None, complete[section].get("name")}:
            complete[section] = {option: value, **complete[section]}
    return complete


def read_recorded_settings(header: Mapping[str, Any]) -> Settings:
    """The settings of the run whose journal has this first entry."""
    return Settings.model_validate(complete_recorded(header["settings"]))
