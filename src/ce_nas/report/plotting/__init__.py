"""Charts: described once as a `Chart`, drawn as SVG, as PNG or in a terminal.

- chart: `Chart` and `ChartCurve`, the description; ticks of the axes
- run_charts: charts of one run; `run_comparison`: charts of several runs
- svg, png, sparkline: the renderers; PNG needs the extra `plots`, by `plots_extra`
- palette: all colours, and the style of matplotlib
- run_overview: one PNG with the main charts of a run
- forecast: a forecast with its intervals; `policy_training`: learning curves of a policy
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.report.plotting.chart import Chart, ChartCurve
    from ce_nas.report.plotting.png import render_png
    from ce_nas.report.plotting.svg import render_svg

__all__ = ["Chart", "ChartCurve", "render_png", "render_svg"]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__, submod_attrs={"chart": ["Chart", "ChartCurve"], "png": ["render_png"], "svg": ["render_svg"]}
)
