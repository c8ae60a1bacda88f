import math
import subprocess
import sys

import numpy as np

from ce_nas.analysis.statistics import Interval
from ce_nas.experiments.figures import create_panels, draw_band
from ce_nas.report.plotting.palette import strategy_colour


def test_band_leaves_out_infinite_medians():
    _, (axes,) = create_panels(1)
    draw_band(
        axes, [1, 2, 3], [Interval(2, 1, math.inf), Interval(4, 3, 5), Interval(math.inf, 4, math.inf)], "ce-nas", "x"
    )
    (line,) = axes.lines
    assert line.get_ydata().tolist() == [2, 4]
    assert np.isfinite(axes.collections[0].get_paths()[0].vertices).all()


def test_strategy_colour_is_fixed():
    assert strategy_colour("ce-nas", 3) == strategy_colour("ce-nas")
    assert strategy_colour("another", 0) != strategy_colour("another", 1)


def test_experiments_do_not_import_matplotlib():
    modules = ("sweep", "output", "figures", "runner", "studies.equal_quality", "studies.carbon_caps")
    code = "import sys; " + "".join(f"import ce_nas.experiments.{module}; " for module in modules)
    code += "sys.exit('matplotlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
