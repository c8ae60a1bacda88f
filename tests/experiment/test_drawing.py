import math

import numpy as np

from ce_nas.experiment.drawing import band, colour_of, panels
from ce_nas.experiment.statistics import Interval


def test_a_band_leaves_out_what_was_never_reached():
    _, (axes,) = panels(1)
    band(axes, [1, 2, 3], [Interval(2, 1, math.inf), Interval(4, 3, 5), Interval(math.inf, 4, math.inf)], "ce-nas", "x")
    (line,) = axes.lines
    assert line.get_ydata().tolist() == [2, 4]
    assert np.isfinite(axes.collections[0].get_paths()[0].vertices).all()


def test_a_strategy_keeps_its_colour():
    assert colour_of("ce-nas", 3) == colour_of("ce-nas")
    assert colour_of("another", 0) != colour_of("another", 1)
