import pytest

from ce_nas.analysis.counterfactual import work_of
from ce_nas.analysis.summary import beginning, summarise
from ce_nas.core.errors import TraceError
from ce_nas.report.i18n.words import Words
from ce_nas.report.markdown import markdown
from ce_nas.report.run_report import run_page
from ce_nas.report.run_sections import moves_table, used


def test_what_was_used_stands_beside_its_limit(result):
    summary, budget = summarise(result.entries), beginning(result.entries)["settings"]["budget"]
    found = used(summary, {**budget, "carbon": "5000.0 g", "evaluations": 7, "book": "paper"})
    assert list(found) == ["time", "carbon", "energy", "cost", "gpu_hours", "evaluations", "target"]
    assert found["time"] == (summary.simulated_hours * 3600, 9 * 3600.0)
    assert found["carbon"] == (summary.carbon_g["paper"], 5000.0)
    assert found["evaluations"] == (summary.evaluations, 7.0)
    assert found["energy"][1] is None


@pytest.fixture(scope="module")
def moved():
    """The entries of a search that leaves coal for water at once."""
    from ce_nas.api import Study
    from ce_nas.config.schema import settings_from_flags

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
