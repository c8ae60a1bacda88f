import pytest

from ce_nas.analysis.summary import FrontMember
from ce_nas.report.objective_scale import objective_scales, scale_unit

OBJECTIVES = [{"name": "accuracy", "unit": "%"}, {"name": "latency", "unit": "s"}, {"name": "loss", "unit": ""}]


@pytest.mark.parametrize(
    ("unit", "values", "expected"),
    [
        ("s", [0.2, 0.01], (1e3, "ms")),
        ("J", [0.2, 3.0], (1.0, "J")),
        ("s", [], (1.0, "s")),
        ("s", [0.0], (1.0, "s")),
        ("%", [0.5], (1.0, "%")),
    ],
)
def test_small_seconds_and_joules_are_shown_by_the_thousandth(unit, values, expected):
    assert scale_unit(unit, values) == expected


def test_each_objective_has_one_scale_for_all_architectures():
    members = [
        FrontMember("a", {"accuracy": 91.0, "latency": 0.02, "loss": 0.3}),
        FrontMember("b", {"accuracy": 10.0, "latency": 0.5, "loss": 2.0}),
    ]
    scales = objective_scales(OBJECTIVES, members)
    assert [scale.label for scale in scales] == ["accuracy [%]", "latency [ms]", "loss"]
    assert [scale.value(members[1]) for scale in scales] == [10.0, 500.0, 2.0]


def test_one_long_value_keeps_the_unit_of_all():
    members = [FrontMember("a", {"latency": 0.02}), FrontMember("b", {"latency": 1.5})]
    (scale,) = objective_scales(OBJECTIVES[1:2], members)
    assert (scale.unit, scale.value(members[0])) == ("s", 0.02)
