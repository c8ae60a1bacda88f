"""Results of searches: their table, a choice by a rule, and their report."""

import pytest

import ce_nas
from ce_nas.analysis.front_choice import recommend
from ce_nas.core.errors import SettingsError, StoreError
from ce_nas.report.plotting.plots_extra import has_plots
from ce_nas.search_result import Result

WRITTEN = ("summary.json", "report.html", "report.md", *(["report.png"] if has_plots() else []))


@pytest.fixture(scope="module")
def result():
    return ce_nas.run(policy="vanilla", searcher="random", gpus=4, hours=5, seed=2)


def test_a_frame_has_one_row_per_evaluation(result):
    frame = result.to_frame()
    assert len(frame) == result.summary.evaluations
    assert frame["on_front"].sum() == len(result.front)
    assert frame["hours"].is_monotonic_increasing
    assert frame["carbon_g"].is_monotonic_increasing
    assert set(frame.loc[frame["on_front"], "accuracy"]) == {m.objectives["accuracy"] for m in result.front}


def test_the_knee_is_the_recommended_architecture(result):
    chosen = result.choose()
    assert chosen.architecture == recommend(result.summary).member.architecture
    assert "of their ranges" in chosen.reason or "only architecture" in chosen.reason


def test_a_bound_chooses_the_best_by_the_other_objectives(result):
    accuracies = sorted(member.objectives["accuracy"] for member in result.front)
    chosen = result.choose(f"accuracy>={accuracies[1]}")
    kept = [member for member in result.front if member.objectives["accuracy"] >= accuracies[1]]
    assert chosen.objectives["latency"] == min(member.objectives["latency"] for member in kept)
    assert f"of the {len(kept)} architectures with accuracy>=" in chosen.reason
    assert result.choose("latency<=1").objectives["accuracy"] == accuracies[-1]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("kne", "Unknown rule 'kne'.*Did you mean 'knee'"),
        ("accuracy>=101", "Expected a front with accuracy>=101, but the front's best accuracy is"),
        ("acuracy>=90", "Did you mean 'accuracy'"),
        ("accuracy>=high", "Expected a bound such as"),
    ],
)
def test_an_invalid_rule_is_refused(result, rule, message):
    with pytest.raises(SettingsError, match=message):
        result.choose(rule)


@pytest.mark.parametrize("name", ["report.html", "report.md", "report.png", "summary.json"])
def test_a_report_is_written_by_its_suffix(result, tmp_path, name):
    assert result.report(tmp_path / "new" / name).stat().st_size > 1000


def test_a_report_folder_has_every_file(result, tmp_path):
    folder = result.report(str(tmp_path / "report"))
    assert {path.name for path in folder.iterdir()} == set(WRITTEN)
    with pytest.raises(StoreError, match=r"ends in \.html"):
        result.report(tmp_path / "report.pdf")


def test_a_result_is_read_from_its_folder(tmp_path, small_search):
    first = small_search().run(str(tmp_path / "run"))
    found = Result.read(str(tmp_path / "run"))
    assert (found.path, found.summary) == (tmp_path / "run", first.summary)
