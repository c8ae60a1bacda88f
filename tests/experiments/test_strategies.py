import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.engine.inputs import Materials
from ce_nas.experiments.strategies import OWN_SEARCHER, STRATEGIES, strategy, strategy_titles
from ce_nas.experiments.trials import cell


def test_every_strategy_is_one_that_the_engine_knows():
    for one in (*STRATEGIES, OWN_SEARCHER):
        Materials(cell(one, {"hours": 1}, 0).settings).check()
        assert strategy(one.name) is one


def test_an_unknown_strategy_is_named_with_the_nearest():
    with pytest.raises(SettingsError, match="Did you mean 'vanilla-lamoo'"):
        strategy("vanila-lamoo")
    assert strategy_titles(["ce-nas", "own", "ce-nas"]) == "CE-NAS, own"
