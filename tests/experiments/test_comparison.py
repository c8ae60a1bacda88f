import pytest

from ce_nas.experiments.comparison import (
    compare_with_reference,
    comparison_table,
    find_largest_hypervolume,
    gap_note,
    summarise_strategy,
)
from ce_nas.report.i18n.translator import Translator


def test_strategy_summary_by_hand(make_result):
    results = [make_result("ce-nas", seed, [(99, 10, 300, 5 + seed)], cap=5) for seed in range(3)]
    results += [make_result("vanilla-lamoo", seed, [(90 if seed else 99.9, 20, 400, 50)], cap=5) for seed in range(3)]
    results += [make_result("vanilla-lamoo", seed, [(10, 1, 1, 1)], cap=9) for seed in range(3)]
    ours = summarise_strategy(results, "ce-nas", "ce-nas", 100.0, cap=5)
    theirs = summarise_strategy(results, "vanilla-lamoo", "ce-nas", 100.0, cap=5)
    assert (ours.hypervolume.median, theirs.hypervolume.median) == (99, 90)
    assert (ours.log_missing_share.median, theirs.log_missing_share.median) == (pytest.approx(-2), pytest.approx(-1))
    assert (ours.carbon_kg.median, theirs.carbon_kg.median) == (3, 8)
    assert ours.evaluations.median == 6
    assert ours.paired_test is None
    assert (theirs.paired_test.win_count, theirs.paired_test.pair_count) == (2, 3)


OURS, THEIRS = [(99.5, 5, 200, 10)], [(99, 40, 300, 80)]


@pytest.fixture
def results(make_result):
    points_of = (("ce-nas", OURS), ("vanilla-lamoo", THEIRS))
    return [make_result(name, seed, points, zone="DE") for name, points in points_of for seed in (0, 1)]


def test_comparison_with_reference_by_hand(results):
    row = compare_with_reference("Germany", results, zone="DE")
    assert row.decomposition.carbon_ratio.median == pytest.approx(12)
    assert row.reference_log_missing_share.median == pytest.approx(-2)
    assert row.log_missing_share.median < -2
    assert (row.paired_test.win_count, row.paired_test.pair_count) == (2, 2)
    assert (
        compare_with_reference("", results, "vanilla-lamoo").decomposition.carbon_ratio.median == 1.0
    )  # against itself


def test_comparison_table_has_a_row_per_condition(results):
    table = comparison_table("Zones", "zone", [compare_with_reference("Germany", results, zone="DE")])
    assert len(table.header) == len(table.rows[0])
    assert table.rows[0][0] == "Germany"


def test_gap_note_names_the_largest_hypervolume(make_result):
    exact = find_largest_hypervolume([make_result("ce-nas", 0, OURS)])
    estimate = find_largest_hypervolume([make_result("ce-nas", 0, OURS, hypervolume_max=None)])
    assert "the hypervolume of the whole table, 100" in gap_note(exact, Translator("en"))
    assert "0.01 % above the largest hypervolume" in gap_note(estimate, Translator("en"))
