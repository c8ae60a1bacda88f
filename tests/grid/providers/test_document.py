"""docs/live-grids.md says what the code does."""

import re
from pathlib import Path

from ce_nas.grid.emission_factors import EMISSIONS, Fuel
from ce_nas.grid.providers.registry import KEYS
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
