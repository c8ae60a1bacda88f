"""Draws the learning curves of a policy's training."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import SettingsError
from ce_nas.report.plotting.plots_extra import require_plots

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["plot_learning_curves", "read_training_report"]


def read_training_report(folder: Path) -> dict[str, Any]:
    """Read ``training.json`` of a training: its ``settings``, and its ``curves``, one per seed.

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


def plot_learning_curves(folder: Path, compare_with: Sequence[Path] = ()) -> Path:
    """Draw ``training.png`` in the folder of a training; return its path.

    :param compare_with: folders of other trainings to draw as well.
    :raises SettingsError: if a folder holds no finished training.
    :raises MissingExtraError: without the extra ``plots``, which ``rl`` includes.
    """
    require_plots("Drawing the curves of a training", "rl")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for training in (folder, *compare_with):
        report = read_training_report(training)
        suffix = "" if report["settings"]["demonstrations"] else ", without demonstrations"
        for curve in report["curves"]:
            axes.plot(curve["steps"], curve["costs"], marker="o", markersize=3, label=f"seed {curve['seed']}{suffix}")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("steps of reinforcement learning (0: after behaviour cloning)")
    axes.set_ylabel("validation cost: carbon and penalties, relative to\nthe same trainings at mean intensity")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    path = folder / "training.png"
    figure.savefig(path, dpi=150)
    return path
