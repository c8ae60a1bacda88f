"""docs/live-grids.md says what the code does."""

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ce_nas.forecast.forecaster import Past
from ce_nas.forecast.naive import DampedProfile
from ce_nas.grid.live.factors import EMISSIONS, Fuel
from ce_nas.grid.live.registry import KEYS
from ce_nas.grid.trace import Factors

TEXT = (Path(__file__).parents[3] / "docs" / "live-grids.md").read_text()


def rows(head):
    """The rows of the table that begins with ``head``, cell by cell."""
    table = TEXT[TEXT.index(head) :].split("\n\n")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return [row for row in cells if not set("".join(row)) <= set("-|")]


def test_the_sources_and_their_keys():
    _, *found = rows("| name |")
    assert {row[0].strip("`"): tuple(re.findall("[A-Z_]{5,}", row[-1])) for row in found} == dict(KEYS)


def test_the_factors():
    names, lifecycle, direct = rows("| | coal |")
    fuels = [Fuel("wind offshore" if name == "offshore" else name) for name in names[1:]]
    assert set(fuels) == set(EMISSIONS)
    for row, kind in ((lifecycle, Factors.LIFECYCLE), (direct, Factors.DIRECT)):
        assert [float(cell) for cell in row[1:]] == [EMISSIONS[fuel].of(kind) for fuel in fuels]


def test_the_adapted_forecaster_is_one():
    (code,) = re.findall(r"```python\n(.*?def extend.*?)```", TEXT, flags=re.DOTALL)
    names = {}
    exec(compile(code.rpartition("```python\n")[2], "live-grids.md", "exec"), names)
    known, end = np.arange(48.0), datetime(2024, 1, 1, tzinfo=UTC)
    found = names["extend"](known, 3600.0, end, "X", 5)
    wanted = DampedProfile().predict(Past(known, 3600.0, 0.0, end, "X"), 5 * 3600)
    np.testing.assert_array_equal(found, wanted.mean_g_per_kwh[:5])
