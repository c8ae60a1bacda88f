"""Colours of all charts, and the style of those that matplotlib draws.

The colours are distinguishable for colour-blind readers (Okabe and Ito) and dark enough on white.
"""

from __future__ import annotations

__all__ = [
    "BAND_COLOURS",
    "BLACK",
    "BLUE",
    "GREY",
    "MATPLOTLIB_STYLE",
    "ORANGE",
    "ROLE_COLOURS",
    "RUN_COLOURS",
    "STRATEGY_COLOURS",
    "strategy_colour",
]

BLUE, ORANGE, BLACK, GREY = "#0072b2", "#b34700", "#1a1a1a", "#757575"
#: role of a GPU to colour, distinguishable in grey as well
ROLE_COLOURS = {"evaluating": "#009e73", "sampling": "#56b4e9", "idle": "#bdbdbd", "released": "#f2f2f2"}
#: of a forecast's intervals, the widest first
BAND_COLOURS = ("#fbe6d8", "#f3c3a3", "#eba679")
#: of several runs in one chart
RUN_COLOURS = (BLUE, ORANGE, "#007a59", "#a3477a", BLACK, "#8a6d00", "#3c8dbc", GREY)
#: of the strategies in experiments
STRATEGY_COLOURS = {
    "ce-nas": "#d55e00",
    "vanilla-lamoo": BLUE,
    "vanilla-random": "#999999",
    "one-shot-lamoo": "#cc79a7",
    "hotcarbon-lamoo": "#009e73",
    "vanilla-surrogate": "#e69f00",
}
_OTHER_STRATEGY_COLOURS = ("#56b4e9", "#000000", "#f0e442", "#8c564b", "#17becf", "#7f7f7f")
MATPLOTLIB_STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "ce-nas"}


def strategy_colour(name: str, index: int = 0) -> str:
    """Return the colour of a strategy; one without a colour of its own gets that of its index."""
    return STRATEGY_COLOURS.get(name, _OTHER_STRATEGY_COLOURS[index % len(_OTHER_STRATEGY_COLOURS)])
