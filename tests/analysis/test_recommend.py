from dataclasses import replace

import pytest

from ce_nas.analysis.recommend import recommend
from ce_nas.analysis.summary import FrontMember


def summary_of(finished_run, *points):
    front = [FrontMember(f"n{at}", {"accuracy": y, "latency": x}) for at, (y, x) in enumerate(points)]
    return replace(finished_run.summary, front=front)


def test_minimax_regret_ignores_an_outlier(finished_run):
    points = [(92.0, 20.0), (91.5, 12.0), (90.0, 11.0), (80.0, 10.0)]
    chosen = recommend(summary_of(finished_run, *points))
    assert chosen.member.architecture == "n1"
    # best accuracy 92, median 90.75; best latency 10, median 11.5
    assert chosen.regrets == pytest.approx({"accuracy": 0.5 / 1.25, "latency": 2.0 / 1.5})
    assert chosen.regrets["latency"] <= max((92 - 90) / 1.25, 1 / 1.5)
    assert recommend(summary_of(finished_run, *points[:3], (1.0, 9.9))).member.architecture in {"n1", "n2"}


def test_single_member_has_no_regret_and_empty_front_none(finished_run):
    assert recommend(summary_of(finished_run, (90.0, 1.0))).regrets == {"accuracy": 0.0, "latency": 0.0}
    assert recommend(summary_of(finished_run)) is None
