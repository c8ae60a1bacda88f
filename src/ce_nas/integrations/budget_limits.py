"""The parts of a budget around a user's own loop: its limits, its settings and its meter."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ce_nas.components.registry import METERS
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import EnergyError, SettingsError
from ce_nas.core.units import parse_carbon_g, parse_cost, parse_energy_j
from ce_nas.energy.meter_selection import SharedMeter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.components.base import ComponentSettings
    from ce_nas.config.schema import Settings
    from ce_nas.energy.base import EnergyMeter
    from ce_nas.integrations.budget_books import Usage

__all__ = ["Limits", "build_meter", "settings_of_budget"]

#: hours that a file of carbon intensity must reach from the start on
DEFAULT_HOURS = 24.0 * 28
#: settings of the grid that are no flags of a search
_GRID_KEYWORDS = ("cache", "reference_zone", "max_fallback", "fail_when_unavailable")
_GB_ZONE = re.compile(r"GB(-\d+)?")


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a budget; infinite where there is none."""

    carbon_g: float = math.inf
    energy_j: float = math.inf
    cost: float = math.inf

    @classmethod
    def parse(cls, budget: str, energy: str | None = None, cost: float | None = None) -> Limits:
        """The limits that texts state: ``5kg`` is carbon, ``12kWh`` energy, ``20 money`` money.

        :raises SettingsError: if one is none of these.
        """
        text = str(budget).strip()
        limits: dict[str, float] = {}
        try:
            limits["carbon_g"] = parse_carbon_g(text)
        except SettingsError:
            try:
                limits["energy_j"] = parse_energy_j(text)
            except SettingsError:
                try:
                    limits["cost"] = parse_cost(text.removesuffix("money").strip())
                except SettingsError as error:
                    message = f"Expected a budget such as 5kg, 12kWh or '20 money', got {text!r}."
                    raise SettingsError(message) from error
                if not text.endswith("money"):
                    message = f"Expected a budget with a unit such as 5kg, 12kWh or '20 money', got {text!r}."
                    raise SettingsError(message) from None
        if energy is not None:
            limits["energy_j"] = parse_energy_j(energy)
        if cost is not None:
            limits["cost"] = parse_cost(cost)
        return cls(**limits)

    def exceeded_by(self, used: Usage) -> str | None:
        """The budget that a usage exceeds, ``carbon``, ``energy`` or ``cost``; None if it exceeds none."""
        if used.carbon_g > self.carbon_g:
            return "carbon"
        if used.energy_j > self.energy_j:
            return "energy"
        return "cost" if used.cost > self.cost else None

    def used_share(self, used: Usage) -> float:
        """The used share of the budget that is used most."""
        return max(used.carbon_g / self.carbon_g, used.energy_j / self.energy_j, used.cost / self.cost)


def settings_of_budget(limits: Limits, grid: str | None, meter: str, flags: Mapping[str, Any]) -> Settings:
    """The settings of the account: as of a search in real time; only grid, prices and budgets have an effect."""
    of_grid = {name: flags[name] for name in _GRID_KEYWORDS if name in flags}
    others = {name: value for name, value in flags.items() if name not in of_grid}
    stated: dict[str, Any] = {"hours": DEFAULT_HOURS, **others, **({"grid": of_grid} if of_grid else {})}
    if grid is not None:
        stated["trace" if str(grid).endswith((".csv", ".parquet", ".pq")) else "zone"] = str(grid)
        if _GB_ZONE.fullmatch(str(grid)) and "provider" not in stated:
            stated["provider"] = "uk"
    for flag, limit, unit in (("carbon_budget", limits.carbon_g, "g"), ("energy_budget", limits.energy_j, "J")):
        if math.isfinite(limit):
            stated[flag] = f"{limit!r} {unit}"
    if math.isfinite(limits.cost):
        stated["cost_budget"] = limits.cost
    live = {"enabled": True, "time_scale": 1.0, "devices": ("cpu",), "meter": meter}
    return settings_from_flags({"live": live}, gpus=1, **stated)


def build_meter(settings: ComponentSettings, share: float, also: Sequence[int] = ()) -> EnergyMeter:
    """The most accurate meter of this process's devices: every visible GPU with its host, else the host.

    :param also: ids of further processes that are metered with this one.
    """
    from ce_nas.engine.build_live import count_visible_gpus

    gpus = count_visible_gpus()
    device = "+".join(f"cuda:{number}" for number in range(gpus)) or "cpu"
    meter: EnergyMeter | None = METERS.build(settings, device, os.getpid, *((None, 1.0, tuple(also)) if also else ()))
    if meter is None:
        message = f"Expected a meter of {device}, got none with meter {settings.name!r}; use meter='auto'."
        raise EnergyError(message)
    return meter if share == 1.0 else SharedMeter(meter, share)
