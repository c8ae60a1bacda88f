import pytest

from ce_nas.experiment.standing import standing


def test_a_standing_by_hand(finding):
    findings = [finding("ce-nas", seed, [(99, 10, 300, 5 + seed)], cap=5) for seed in range(3)]
    findings += [finding("vanilla-lamoo", seed, [(90 if seed else 99.9, 20, 400, 50)], cap=5) for seed in range(3)]
    findings += [finding("vanilla-lamoo", seed, [(10, 1, 1, 1)], cap=9) for seed in range(3)]
    ours = standing(findings, "ce-nas", "ce-nas", 100.0, cap=5)
    theirs = standing(findings, "vanilla-lamoo", "ce-nas", 100.0, cap=5)
    assert (ours.hypervolume.median, theirs.hypervolume.median) == (99, 90)
    assert (ours.log_share.median, theirs.log_share.median) == (pytest.approx(-2), pytest.approx(-1))
    assert (ours.carbon_kg.median, theirs.carbon_kg.median) == (3, 8)
    assert ours.evaluations.median == 6
    assert ours.paired is None
    assert (theirs.paired.better, theirs.paired.pairs) == (2, 3)
