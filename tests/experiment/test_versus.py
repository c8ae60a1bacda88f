from dataclasses import replace

import pytest

from ce_nas.experiment.versus import judged_by, versus, versus_table

OURS, THEIRS = [(99.5, 5, 200, 10)], [(99, 40, 300, 80)]


@pytest.fixture
def findings(finding):
    pairs = (("ce-nas", OURS), ("vanilla-lamoo", THEIRS))
    return [finding(name, seed, marks, zone="DE") for name, marks in pairs for seed in (0, 1)]


def test_a_row_by_hand(findings):
    row = versus("Germany", findings, zone="DE")
    assert row.split.ratio.median == pytest.approx(12)
    assert row.reference_log_share.median == pytest.approx(-2)
    assert row.log_share.median < -2
    assert (row.paired.better, row.paired.pairs) == (2, 2)
    assert versus("", findings, "vanilla-lamoo").split.ratio.median == 1.0  # against itself


def test_a_table_has_a_row_a_place(findings):
    table = versus_table("Zones", "zone", [versus("Germany", findings, zone="DE")])
    assert len(table.head) == len(table.rows[0])
    assert table.rows[0][0] == "Germany"


def test_a_judge_takes_the_place_of_the_run(findings):
    judged = judged_by([replace(one, judged={"test": [7.0]}, judged_max={"test": 10.0}) for one in findings], "test")
    assert [one.track.final for one in judged] == [7.0] * 4
    assert judged[0].hypervolume_max == 10.0
    assert versus("", judged).split.ratio.median == pytest.approx(12)  # the same level, the same grams
