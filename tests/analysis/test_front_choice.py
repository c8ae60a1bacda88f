from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.analysis.front_choice import choose, recommend, without_poor_ends
from ce_nas.analysis.summary import FrontMember
from ce_nas.core.errors import SettingsError

#: front of a search of NAS-Bench-201: accuracy in percent, latency in seconds
CELLS = [
    (91.42, 0.02127), (91.39, 0.01769), (91.0, 0.01682), (90.93, 0.01494), (90.89, 0.01394), (89.38, 0.01358),
    (89.24, 0.01187), (89.16, 0.01148), (88.17, 0.01125), (84.62, 0.00891), (84.44, 0.00851), (84.3, 0.00829),
    (82.86, 0.00805), (57.15, 0.00788), (39.77, 0.00714),
]  # fmt: skip


def summary_of(finished_run, *points):
    front = [FrontMember(f"n{at}", {"accuracy": y, "latency": x}) for at, (y, x) in enumerate(points)]
    return replace(finished_run.summary, front=front)


def test_the_knee_is_where_the_front_bends(finished_run):
    chosen = recommend(summary_of(finished_run, (92.0, 16.0), (90.5, 11.5), (86.0, 10.8), (80.0, 10.0)))
    assert (chosen.member.architecture, chosen.kind) == ("n1", "knee")
    assert chosen.regrets == pytest.approx({"accuracy": 0.125, "latency": 0.25})
    assert chosen.runner_up.architecture == "n2"


def test_architectures_of_chance_accuracy_do_not_decide_what_a_point_is_worth(finished_run):
    chosen = recommend(summary_of(finished_run, *CELLS))
    assert chosen.member.objectives["accuracy"] > 89.0  # by the whole range, 84.3 %
    assert recommend(summary_of(finished_run, *CELLS[:-1], (10.0, 0.007))).member == chosen.member


def test_the_knee_does_not_depend_on_the_number_of_architectures_beside_it(finished_run):
    bend = [(92.0, 20.0), (91.5, 12.0), (80.0, 10.0)]
    crowd = [(92.0 - 0.01 * index, 20.0 - 0.1 * index) for index in range(1, 9)]
    assert recommend(summary_of(finished_run, *bend)).member.objectives["accuracy"] == 91.5
    assert recommend(summary_of(finished_run, bend[0], *crowd, *bend[1:])).member.objectives["accuracy"] == 91.5


def test_a_front_without_a_knee_gives_its_middle(finished_run):
    hollow = [(92.0, 20.0), (90.0, 19.5), (87.0, 17.0), (80.0, 10.0)]
    assert recommend(summary_of(finished_run, *hollow)).member.objectives["accuracy"] == 87.0


@given(st.floats(0.1, 100.0), st.floats(-50.0, 50.0))
def test_units_and_offsets_do_not_matter(finished_run, factor, offset):
    moved = [(accuracy, factor * latency + offset) for accuracy, latency in CELLS]
    expected = recommend(summary_of(finished_run, *CELLS)).member.architecture
    assert recommend(summary_of(finished_run, *moved)).member.architecture == expected


def test_single_member_has_no_regret_and_empty_front_none(finished_run):
    only = recommend(summary_of(finished_run, (90.0, 1.0)))
    assert (only.kind, only.regrets) == ("only", {"accuracy": 0.0, "latency": 0.0})
    assert recommend(summary_of(finished_run)) is None
    with pytest.raises(SettingsError, match="the front is empty; search longer"):
        choose(summary_of(finished_run))


@pytest.mark.parametrize(
    ("rule", "accuracy"),
    [
        ("accuracy>=91", 91.0),
        ("latency<=0.012", 89.24),
        ("latency<=12ms", 89.24),
        ("accuracy>=88, latency<=0.012", 89.16),
        ("accuracy=1", 91.42),
        ("latency=1", 39.77),
        ("accuracy=20,latency=1", 90.89),
    ],
)
def test_a_rule_of_the_user_decides(finished_run, rule, accuracy):
    assert choose(summary_of(finished_run, *CELLS), rule).member.objectives["accuracy"] == accuracy


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("kne", "Unknown rule 'kne'.*Did you mean 'knee'"),
        ("accuracy>=95", r"the front's best accuracy is 91\.42 %; relax the bound"),
        ("accuracy>=91,latency<=0.01", r"with the other bounds the best latency is 0\.01682 s"),
        ("acuracy>=90", "Did you mean 'accuracy'"),
        ("accuracy>=high", "Expected a bound such as accuracy>=91"),
        ("latency<=3kg", "Expected a bound in s for latency, got 'latency<=3kg'"),
        ("accuracy=-1", "Expected a weight of at least 0"),
        ("accuracy=0", "Expected a weight above 0"),
        ("speed=1", "Unknown objective of the rule 'speed'"),
    ],
)
def test_an_invalid_rule_is_refused(finished_run, rule, message):
    with pytest.raises(SettingsError, match=message):
        choose(summary_of(finished_run, *CELLS), rule)


def test_an_empty_front_has_no_poor_end(finished_run):
    objectives = finished_run.summary.objectives
    assert without_poor_ends([], objectives, [objectives[0]["name"]]) == []


def test_a_bound_is_echoed_with_its_unit_and_told_where_it_excludes_nothing(finished_run):
    summary = summary_of(finished_run, *CELLS)
    chosen = choose(summary, "accuracy>=91, latency<=12")
    assert (chosen.rule, chosen.candidates) == ("accuracy>=91 %, latency<=12 s", 3)
    assert chosen.idle_bounds == ("latency<=12 s",)
    assert choose(summary, "latency<=12ms").rule == "latency<=12ms"
    assert choose(summary, "latency<=12ms").idle_bounds == ()
