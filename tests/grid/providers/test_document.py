"""docs/live-grids.md says what the code does."""

import re
from pathlib import Path

import pytest

from ce_nas.components.registry import PROVIDERS
from ce_nas.grid.emission_factors import EMISSION_FACTORS, Fuel
from ce_nas.grid.trace import EmissionFactorType

TEXT = (Path(__file__).parents[3] / "docs" / "live-grids.md").read_text()


def rows(head):
    """The rows of the table that starts with ``head``, cell by cell."""
    table = TEXT[TEXT.index(head) :].split("\n\n")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return [row for row in cells if not set("".join(row)) <= set("-|")]


def test_documented_providers_and_keys():
    pytest.importorskip("httpx", reason="needs the extra 'live'")
    _, *table = rows("| name |")
    assert {row[0].strip("`"): tuple(re.findall("[A-Z_]{5,}", row[-1])) for row in table} == {
        component.name: component.factory.key_variables for component in PROVIDERS.components()
    }


def test_documented_emission_factors():
    names, lifecycle, direct = rows("| | coal |")
    fuels = [Fuel("wind offshore" if name == "offshore" else name) for name in names[1:]]
    assert set(fuels) == set(EMISSION_FACTORS)
    for row, kind in ((lifecycle, EmissionFactorType.LIFECYCLE), (direct, EmissionFactorType.DIRECT)):
        assert [float(cell) for cell in row[1:]] == [EMISSION_FACTORS[fuel].for_type(kind) for fuel in fuels]
