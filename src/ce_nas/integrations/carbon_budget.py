"""A carbon budget around a user's own loop: ``with carbon_budget("5kg", grid="GB") as budget``.

The energy of this process and its children is metered, charged with the grid's carbon intensity hour by hour, and
written to a journal, as for a search: a folder given as ``out`` is read by ``ce-nas report``, and continues when it is
opened again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ce_nas.integrations.budget_limits import Limits, settings_of_budget
from ce_nas.integrations.metered_budget import READING_INTERVAL_S, BudgetExhaustedError, CarbonBudget

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ce_nas.energy.base import EnergyMeter

__all__ = ["BudgetExhaustedError", "CarbonBudget", "carbon_budget"]


def carbon_budget(  # noqa: PLR0913 - keywords
    budget: str,
    grid: str | None = None,
    *,
    energy: str | None = None,
    cost: float | None = None,
    out: str | Path | None = None,
    meter: str | EnergyMeter = "auto",
    share: float = 1.0,
    description: str = "a loop of the caller's",
    reading_interval_s: float = READING_INTERVAL_S,
    observer: Callable[[Mapping[str, Any]], object] | None = None,
    **flags: Any,  # noqa: ANN401 - the settings of a search
) -> CarbonBudget:
    """A budget of carbon, energy or money for a loop of your own.

    Example:
        >>> import ce_nas
        >>> with ce_nas.carbon_budget("5kg", grid="solar") as budget:
        ...     for epoch in range(3):
        ...         total = sum(range(10_000))  # one step of the training
        ...         used = budget.check()
        >>> budget.used.carbon_g < 5000
        True

    The energy of this process and its children counts: GPUs and processors by their counters, else processors by CPU
    time. A budget is kept as long as no step, the work between two calls of ``check()``, takes more than the largest
    before it at the intensity that is known and forecast.

    :param budget: ``5kg`` or ``800g`` of CO2eq, ``12kWh`` of energy, or ``20 money``, in the currency of the prices.
    :param grid: a zone: imported, built in (synthetic), of a ``provider``, or ``GB``, which needs no key; or a file of
        carbon intensity. None: the default zone of a search.
    :param energy: an energy budget besides another one; ``cost`` likewise, with ``electricity_price``.
    :param out: the account's folder, new or to be continued; None keeps the account in memory.
    :param meter: ``auto``, ``modelled``, or a meter of your own.
    :param share: share of the meter that is this process's, where several processes share what it reads.
    :param description: what is metered, for the report.
    :param reading_interval_s: time between readings; a killed process loses what it used since the last.
    :param observer: called with each completed hour of the account; a tracker, for example.
    :param flags: settings as of a search: ``provider``, ``electricity_price``, ``start``, ``forecaster``, ...
    :raises SettingsError: if a keyword is invalid.
    """
    limits = Limits.parse(budget, energy, cost)
    settings = settings_of_budget(limits, grid, meter if isinstance(meter, str) else "auto", flags)
    made = CarbonBudget(
        limits,
        settings,
        out=out,
        meter=None if isinstance(meter, str) else meter,
        share=share,
        description=description,
        reading_interval_s=reading_interval_s,
    )
    made.observer = observer
    return made
