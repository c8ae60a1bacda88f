"""Learning curves as a figure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["draw_curves", "read_training"]


def read_training(folder: Path) -> dict[str, Any]:
    """What a training has left in ``training.json``: its ``settings``, and its ``curves``, one a seed.

    :raises SettingsError: if there is none, or it is damaged.
    """
    path = folder / "training.json"
    try:
        report = json.loads(path.read_text())
        return {"settings": dict(report["settings"]), "curves": list(report["curves"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = (
            f"Expected the report of a finished training in {str(path)!r}, but "
            f"{getattr(error, 'strerror', None) or error}; name the --out of another ce-nas policy train."
        )
        raise SettingsError(message) from error


def draw_curves(folder: Path, beside: Sequence[Path] = ()) -> Path:
    """Draw ``training.png`` beside the ``training.json`` of a training; returns its path.

    :param beside: folders of other trainings whose curves are drawn with them.
    :raises SettingsError: if a folder holds no finished training.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for place in (folder, *beside):
        report = read_training(place)
        begun = "" if report["settings"]["demonstrations"] else ", from nothing"
        for curve in report["curves"]:
            axes.plot(curve["steps"], curve["costs"], marker="o", markersize=3, label=f"seed {curve['seed']}{begun}")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("steps of trial and error (0: after the demonstrations)")
    axes.set_ylabel("validation: grams and fines, in units of\nthe same trainings in average hours")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    path = folder / "training.png"
    figure.savefig(path, dpi=150)
    return path
