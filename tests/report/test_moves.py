import pytest

from ce_nas.core.errors import TraceError
from ce_nas.report.counterfactual import work_of
from ce_nas.report.markdown import markdown
from ce_nas.report.moves import moves_table
from ce_nas.report.run_page import run_page
from ce_nas.report.words import Words


@pytest.fixture(scope="module")
def moved():
    """The entries of a search that leaves coal for water at once."""
    from ce_nas.engine.settings import settings_from_flags
    from ce_nas.engine.study import Study

    site = {"others": [{"name": "north", "zone": "hydro", "pue": 1.1}], "move": "15min", "move_j": 3.6e6}
    flags = {"hours": 3, "gpus": 2, "searcher": "uniform", "zone": "coal-flat", "policy": "vanilla"}
    return Study(settings_from_flags({"site": site}, **flags)).run().entries


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_move_is_a_line_of_the_report(moved, language):
    table = moves_table(moved, Words(language))
    ((there, left, site, took, energy, carbon),) = table.rows
    assert (there, left, site, took, energy) == ("15.0 min", "home", "north", "15.0 min", "1.56 kWh")
    assert carbon.endswith("kg")
    assert "| 15.0 min | home | north | 15.0 min | 1.56 kWh |" in markdown(run_page(moved, Words(language)))


def test_a_search_that_stayed_has_no_such_table(result):
    assert moves_table(result.entries, Words("en")) is None


def test_what_other_hours_would_have_cost_is_not_told_of_a_search_that_moved(moved):
    with pytest.raises(TraceError, match="one with 1 moves: there is no one grid"):
        work_of(moved)
