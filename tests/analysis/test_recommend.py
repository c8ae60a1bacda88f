from dataclasses import replace

import pytest

from ce_nas.analysis.recommend import pick
from ce_nas.analysis.summary import FrontMember


def summary_of(result, *points):
    front = [FrontMember(f"n{at}", {"accuracy": y, "latency": x}) for at, (y, x) in enumerate(points)]
    return replace(result.summary, front=front)


def test_the_knee_is_taken_and_a_lonely_end_does_not_move_it(result):
    points = [(92.0, 20.0), (91.5, 12.0), (90.0, 11.0), (80.0, 10.0)]
    chosen = pick(summary_of(result, *points))
    assert chosen.member.architecture == "n1"
    # best accuracy 92, median 90.75; best latency 10, median 11.5
    assert chosen.losses == pytest.approx({"accuracy": 0.5 / 1.25, "latency": 2.0 / 1.5})
    assert chosen.losses["latency"] <= max((92 - 90) / 1.25, 1 / 1.5)
    assert pick(summary_of(result, *points[:3], (1.0, 9.9))).member.architecture in {"n1", "n2"}


def test_one_network_loses_nothing_and_none_is_none(result):
    assert pick(summary_of(result, (90.0, 1.0))).losses == {"accuracy": 0.0, "latency": 0.0}
    assert pick(summary_of(result)) is None
