import pytest

from ce_nas.analysis.summary import beginning
from ce_nas.api import Study
from ce_nas.experiments.provenance import basis, facts_of


def test_the_facts_are_told_once_and_where_they_differ_apart(finding):
    marks = [(1, 1, 1, 1)]
    findings = [finding("ce-nas", 0, marks), finding("vanilla-lamoo", 0, marks)]
    sentences = basis(findings, (0, 1, 2))
    assert sentences[0].startswith("2 runs: CE-NAS, vanilla LaMOO; seeds 0 to 2")
    assert "Benchmark: made by hand." in sentences
    assert sentences[1].startswith("CE-NAS: Trainings in clean hours")
    assert "seeds 0, 4" in basis(findings, (0, 4))[0]


@pytest.fixture
def result():
    return Study.of(hours=1, gpus=1, searcher="uniform", policy="vanilla").run()


def test_what_a_run_rests_on(result):
    facts = facts_of(result.summary, beginning(result.entries))
    assert "synthetic" in facts["Grid"]
    assert facts["Objectives"] == "accuracy (reference 0 %) and latency (reference 0.026 s)"
    assert facts["Devices"].startswith("1 for ")
    assert "PUE 1.56" in facts["Power"]
