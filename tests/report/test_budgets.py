from ce_nas.report.budgets import used
from ce_nas.report.summary import beginning, summarise


def test_what_was_used_stands_beside_its_limit(result):
    summary, budget = summarise(result.entries), beginning(result.entries)["settings"]["budget"]
    found = used(summary, {**budget, "carbon": "5000.0 g", "evaluations": 7, "book": "paper"})
    assert list(found) == ["time", "carbon", "energy", "cost", "gpu_hours", "evaluations", "target"]
    assert found["time"] == (summary.simulated_hours * 3600, 9 * 3600.0)
    assert found["carbon"] == (summary.carbon_g["paper"], 5000.0)
    assert found["evaluations"] == (summary.evaluations, 7.0)
    assert found["energy"][1] is None
