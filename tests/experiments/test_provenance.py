import pytest

from ce_nas.analysis.summary import run_header
from ce_nas.api import Search
from ce_nas.experiments.provenance import describe_provenance, provenance_notes


def test_provenance_notes_list_facts_once(make_result):
    points = [(1, 1, 1, 1)]
    results = [make_result("ce-nas", 0, points), make_result("vanilla-lamoo", 0, points)]
    sentences = provenance_notes(results, (0, 1, 2))
    assert sentences[0].startswith("2 runs: CE-NAS, vanilla LaMOO; seeds 0 to 2")
    assert "Benchmark: by hand." in sentences
    assert sentences[1].startswith("CE-NAS: Trains in clean hours")
    assert "seeds 0, 4" in provenance_notes(results, (0, 4))[0]


@pytest.fixture
def result():
    return Search(hours=1, gpus=1, searcher="random", policy="vanilla").run()


def test_provenance_of_a_run(result):
    facts = describe_provenance(result.summary, run_header(result.entries))
    assert "synthetic" in facts["Grid"]
    assert facts["Objectives"] == "accuracy (reference 0 %) and latency (reference 0.026 s)"
    assert facts["Devices"].startswith("1 for ")
    assert "PUE 1.56" in facts["Power"]
