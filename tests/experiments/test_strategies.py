import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.engine.inputs import RunInputs
from ce_nas.experiments.strategies import STRATEGIES, VANILLA_SURROGATE, combine, get_strategy, list_strategy_titles
from ce_nas.experiments.trials import build_trial


def test_every_strategy_has_valid_settings():
    for strategy in (*STRATEGIES, VANILLA_SURROGATE, combine("fixed", "nsga2")):
        RunInputs(build_trial(strategy, {"hours": 1}, 0).settings).validate()
    assert all(get_strategy(strategy.name) is strategy for strategy in STRATEGIES)


def test_unknown_strategy_is_refused_with_a_suggestion():
    with pytest.raises(SettingsError, match="Did you mean 'vanilla-lamoo'"):
        get_strategy("vanila-lamoo")
    assert list_strategy_titles(["ce-nas", "own", "ce-nas"]) == "CE-NAS, own"
