"""Learning curves as a figure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["draw_curves"]


def draw_curves(folder: Path, beside: Sequence[Path] = ()) -> Path:
    """Draw ``training.png`` beside the ``training.json`` of a training; returns its path.

    :param beside: folders of other trainings whose curves are drawn with them.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for place in (folder, *beside):
        report = json.loads((place / "training.json").read_text())
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
