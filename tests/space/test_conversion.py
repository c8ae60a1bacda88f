import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.space.conversion import as_domain, from_configspace, from_optuna, to_configspace, to_optuna
from ce_nas.space.distributions import Categorical, Float, Integer, Ordinal

DOMAINS = {
    "optimiser": Categorical(("sgd", "adam")),
    "rate": Float(1e-4, 1.0, log=True),
    "layers": Integer(1, 4),
    "width": Integer(8, 64, log=True),
}


@pytest.mark.parametrize(
    ("stated", "domain"),
    [
        ([16, 32, 64], Ordinal((16, 32, 64))),
        ([0.3, 0.1], Ordinal((0.3, 0.1))),
        ([3, 1, 2], Categorical((3, 1, 2))),
        ((1, 2, 3), Ordinal((1, 2, 3))),
        ([True, False], Categorical((True, False))),
        ([None, "cosine"], Categorical((None, "cosine"))),
        (Integer(1, 3), Integer(1, 3)),
    ],
)
def test_a_list_of_numbers_in_order_is_ordinal(stated, domain):
    assert as_domain("x", stated) == domain


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        ((0.0, 0.3), r"write Float\(0.0, 0.3\) for the range, or \[0.0, 0.3\] for the two choices"),
        ((1, 8), r"write Integer\(1, 8\)"),
        ([], "list of different choices"),
        ([1, 1], "list of different choices"),
        ("relu", "list of different choices"),
        (3, "list of different choices"),
    ],
)
def test_what_is_no_domain_is_refused_with_a_way_out(stated, reason):
    with pytest.raises(SettingsError, match=reason):
        as_domain("x", stated)


def test_optuna_there_and_back():
    pytest.importorskip("optuna")
    assert from_optuna(to_optuna(DOMAINS)) == DOMAINS
    stepped = {"units": Integer(16, 70, step=16)}
    assert from_optuna(to_optuna(stepped)) == {"units": Integer(16, 64, step=16)}


def test_optunas_steps_of_real_numbers_are_ordinal():
    distributions = pytest.importorskip("optuna.distributions")
    stated = {"dropout": distributions.FloatDistribution(0.0, 0.3, step=0.1)}
    assert from_optuna(stated) == {"dropout": Ordinal((0.0, 0.1, 0.2, 0.3))}
    assert as_domain("dropout", stated["dropout"]) == Ordinal((0.0, 0.1, 0.2, 0.3))
    with pytest.raises(SettingsError, match="distribution of Optuna"):
        from_optuna({"dropout": 3})


def test_configspace_there_and_back_with_conditions():
    pytest.importorskip("ConfigSpace")
    conditional = DOMAINS | {
        "momentum": Float(0.0, 0.9, when={"optimiser": "sgd", "layers": [2, 3]}),
        "batch": Ordinal((32, 64, 128)),
    }
    back = from_configspace(to_configspace(conditional))
    assert {name: back[name] for name in conditional} | {"momentum": None} == conditional | {"momentum": None}
    assert dict(back["momentum"].when) == {"optimiser": ("sgd",), "layers": (2, 3)}
    assert list(back).index("momentum") > list(back).index("layers")


def test_a_condition_of_another_kind_is_refused():
    configspace = pytest.importorskip("ConfigSpace")
    space = configspace.ConfigurationSpace({"layers": (1, 4), "width": (8, 64)})
    space.add(configspace.GreaterThanCondition(space["width"], space["layers"], 2))
    with pytest.raises(SettingsError, match="GreaterThanCondition"):
        from_configspace(space)
