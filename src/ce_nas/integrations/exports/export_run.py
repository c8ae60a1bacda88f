"""Exports a run in a form by its name."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Literal, get_args

from ce_nas.core.errors import SettingsError, require_parquet, unknown_choice_message
from ce_nas.integrations.exports.run_facts import RunFacts
from ce_nas.integrations.exports.statements import render_ai_act, render_sci
from ce_nas.integrations.exports.tool_formats import render_boamps, render_codecarbon, render_model_card

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from ce_nas.api import Result

__all__ = ["FORMS", "Form", "export", "results_table"]

Form = Literal["csv", "parquet", "model-card", "boamps", "codecarbon", "sci", "ai-act"]
FORMS: tuple[str, ...] = get_args(Form)

_RENDERERS: dict[str, Callable[[RunFacts], str]] = {
    "model-card": render_model_card,
    "boamps": render_boamps,
    "codecarbon": render_codecarbon,
    "sci": render_sci,
    "ai-act": render_ai_act,
}


def export(
    result: Result,
    to: str,
    *,
    embodied_g_per_device_hour: float | None = None,
    water_l_per_kwh: float | None = None,
) -> bytes:
    """Export a run.

    Example:
        >>> import ce_nas
        >>> from ce_nas.integrations.exports import export
        >>> result = ce_nas.run(searcher="random", policy="vanilla", gpus=2, hours=2)
        >>> export(result, "model-card").decode().splitlines()[1]
        'co2_eq_emissions:'

    :param to: one of :data:`FORMS`. ``csv`` and ``parquet`` are tables of the results, see :func:`results_table`.
    :param embodied_g_per_device_hour: see :class:`RunFacts`, likewise ``water_l_per_kwh``.
    :raises SettingsError: if there is no such form, or a factor has no effect on it or is negative.
    :raises StoreError: if the run has not ended; the tables do not need that.
    :raises MissingExtraError: for ``parquet``, without the extra of that name.
    """
    if to not in FORMS:
        raise SettingsError(unknown_choice_message("form", to, FORMS))
    factors = {"embodied_g_per_device_hour": embodied_g_per_device_hour, "water_l_per_kwh": water_l_per_kwh}
    for name, value in factors.items():
        if value is not None and not 0 <= value < float("inf"):
            message = f"Expected {name} of 0 or more, got {value}."
            raise SettingsError(message)
        if value is not None and to not in ("model-card", "sci", "ai-act"):
            message = f"Expected no {name} for {to}, which holds neither embodied carbon nor water; leave it out."
            raise SettingsError(message)
    if to in _RENDERERS:
        return _RENDERERS[to](RunFacts(result, **factors)).encode()
    table = results_table(result)
    if to == "csv":
        return table.to_csv(index=False, lineterminator="\n").encode()
    require_parquet("The form parquet")
    content = io.BytesIO()
    table.to_parquet(content, index=False)
    return content.getvalue()


def results_table(result: Result) -> pd.DataFrame:
    """One row per evaluated architecture, see :meth:`Result.to_frame`; of a loop of the caller's, per result."""
    if result.summary.objectives:
        return result.to_frame()
    import pandas as pd

    rows = [_flatten(entry.content) for entry in result.entries if entry.kind == "result"]
    found = dict.fromkeys(name for row in rows for name in row)
    columns = [*(name for name in ("number", "trial") if name in found), *found]
    columns = list(dict.fromkeys(columns))
    return pd.DataFrame(rows, columns=columns or ["number", "carbon_g", "energy_kwh"])


def _flatten(content: dict[str, Any]) -> dict[str, Any]:
    """A result with a column for each of its values and parameters."""
    row: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, dict):
            row |= {f"{name}.{key}": one for key, one in value.items()}
        elif isinstance(value, list):
            row |= {f"{name}.{index}": one for index, one in enumerate(value)}
        else:
            row[name] = value
    return row
