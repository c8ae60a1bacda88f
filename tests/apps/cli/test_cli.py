"""The command line: output, exit status and files of the commands on runs, grids and the machine."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ce_nas.api import Search
from ce_nas.report.plotting.plots_extra import has_plots

SMALL = ("--hours", 4, "--gpus", 2, "--searcher", "random", "--policy", "fixed")


@pytest.fixture(scope="module")
def original_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("original") / "run"
    Search(hours=4, gpus=2, searcher="random", policy="fixed").run(folder)
    return folder


@pytest.fixture
def run_folder(original_run, tmp_path):
    """A finished run, the same as that of ``SMALL``."""
    return Path(shutil.copytree(original_run, tmp_path / "run"))


def test_the_package_runs_as_a_module(tmp_path):
    command = [sys.executable, "-m", "ce_nas"]
    result = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=120, check=True)
    assert result.stdout.startswith("ce-nas ")
    result = subprocess.run([*command, "report", "x"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("ce-nas: Expected a run's journal")


@pytest.mark.slow
def test_search_report_and_resume(ce_nas, tmp_path):
    result = ce_nas("search", *SMALL, "--seed", 3, "--out", "run", "--json", "result.json")
    assert result.status == 0, result.stderr
    first = result.stdout.partition("\n\n")[0].replace("\n", " ")
    assert first == json.loads((tmp_path / "result.json").read_text())["headline"]
    lines = [line for line in result.stdout.splitlines() if not line.startswith("  |")]  # an architecture in full
    assert [line for line in lines if len(line) > 80 or line != line.rstrip()] == []
    assert "Recommended: " in result.stdout
    assert "synthetic" in result.stdout
    summary = (tmp_path / "run/summary.json").read_text()
    assert (tmp_path / "result.json").read_text() == summary
    drawn = {"report.png"} if has_plots() else set()
    assert {path.name for path in (tmp_path / "run").iterdir()} >= {"journal.sqlite", "report.md", *drawn}
    for command in ("report", "resume"):
        again = ce_nas(command, "run", "--json", "-", "--quiet")
        assert again.status == 0, again.stderr
        assert again.stdout == summary
    drawn = {"saved.png"} if has_plots() else set()
    assert {path.name for path in (tmp_path / "run/figures").iterdir()} >= {"saved.svg", "front.svg", *drawn}


def test_report_and_explanation_in_japanese(ce_nas, run_folder, tmp_path):
    assert ce_nas("report", "run", "--lang", "ja", "-q").status == 0
    text = (run_folder / "report.html").read_text()
    assert 'lang="ja"' in text
    assert "即時開始" in text
    result = ce_nas("explain", "run", "--hour", 2, "--lang", "ja", "--html", "why.html")
    assert result.status == 0, result.stderr
    assert "方策" in result.stdout
    assert 'lang="ja"' in (tmp_path / "why.html").read_text()
    result = ce_nas("explain", "run", "+-", "--lang", "en")
    assert result.status == 2
    assert "partition" in result.stderr
    result = ce_nas("report", "run", "--lang", "jp")
    assert result.status == 2
    assert "expected one of: en, ja" in result.stderr


def test_runs_are_numbered_by_default(ce_nas, run_folder, tmp_path):
    (tmp_path / "runs").mkdir()
    run_folder.rename(tmp_path / "runs/0001")
    assert ce_nas("search", *SMALL, "-q").status == 0
    assert (tmp_path / "runs/0002/summary.json").exists()


def test_a_configuration_file_equals_flags(ce_nas, run_folder, tmp_path):
    (tmp_path / "search.toml").write_text(
        '[budget]\nhours = "4h"\n[cluster]\ngpus = 2\n[searcher]\nname = "random"\n[policy]\nname = "fixed"\n'
    )
    assert ce_nas("search", "search.toml", "--out", "file", "-q").status == 0
    assert (tmp_path / "file/summary.json").read_text() == (run_folder / "summary.json").read_text()


@pytest.mark.long
def test_compare_prints_and_writes_its_table(ce_nas, tmp_path):
    result = ce_nas(
        "compare", "--policies", "vanilla,fixed", "--searchers", "random", "--zones", "solar,gas", "--seeds", 2,
        "--hours", 3, "--gpus", 2, "--processes", 1, "--json", "table.json", "--html", "page.html",
    )  # fmt: skip
    assert result.status == 0, result.stderr
    assert "95 % bootstrap" in result.stdout
    assert "vanilla + random" in (tmp_path / "page.html").read_text()
    rows = json.loads((tmp_path / "table.json").read_text())["rows"]
    assert [(row["zone"], row["strategy"]) for row in rows] == [
        ("solar", "vanilla + random"), ("solar", "fixed + random"),
        ("gas", "vanilla + random"), ("gas", "fixed + random"),
    ]  # fmt: skip
    assert all(row["carbon_kg"]["low"] <= row["carbon_kg"]["median"] <= row["carbon_kg"]["high"] for row in rows)


@pytest.fixture
def invalid_files(tmp_path):
    """Files that are invalid in one way each."""
    header = "time,intensity\n"
    contents = {
        "empty.csv": "",
        "rowless.csv": header,
        "words.csv": header + "2022-01-01T00:00,much\n2022-01-01T01:00,more\n",
        "negative.csv": header + "2022-01-01T00:00,-3\n2022-01-01T01:00,-4\n",
        "infinite.csv": header + "2022-01-01T00:00,inf\n2022-01-01T01:00,inf\n",
        "short.csv": header + "".join(f"2022-01-01T{hour:02d}:00,{200 + hour}\n" for hour in range(12)),
        "holes.csv": header + "".join(f"2022-01-01T{hour:02d}:00,{'' if hour == 3 else 200}\n" for hour in range(12)),
        "table.csv": "op,train_s\na,3\nb,4\n",
        "timeless.csv": "op,accuracy,latency\na,3,1\nb,4,2\n",
        "typo.toml": "[budgets]\nhours = '4h'\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("typo.toml",), "Did you mean 'budget'"),
        (("--zone", "solr"), "Did you mean 'solar'"),
        (("--trace", "nowhere.csv"), "nowhere.csv"),
        (("--trace", "empty.csv"), "empty.csv"),
        (("--trace", "rowless.csv"), "rowless.csv"),
        (("--trace", "words.csv"), "'much'"),
        (("--trace", "negative.csv"), "'-3'"),
        (("--trace", "infinite.csv"), "'inf'"),
        (("--trace", "short.csv", "--hours", "20"), "covers 2022-01-01 00:00 UTC to 2022-01-01 12:00 UTC"),
        (("--trace", "holes.csv", "--hours", "10"), "gap from 2022-01-01 03:00 UTC to 2022-01-01 04:00 UTC"),
        (("--table", "table.csv"), "metric"),
        (("--table", "timeless.csv"), "train_s"),
        (("--carbon-budget", "5 volts"), "5kg"),
        (("--carbon-budget", "0kg"), "above zero"),
        (("--hours", "soon"), "80h"),
        (("--problem", "nb102"), "nb201"),
        (("--objectives", "accuracy,speed"), "latency"),
        (("--policy", "carbonfree"), "hotcarbon"),
    ],
)
def test_invalid_input_is_one_sentence_and_changes_no_file(ce_nas, invalid_files, arguments, message):
    before = {path: path.read_bytes() for path in invalid_files.iterdir()}
    result = ce_nas("search", *arguments)
    assert result.status == 2, result.stderr
    assert result.stdout == ""
    assert result.stderr.startswith("ce-nas: ")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert {path: path.read_bytes() for path in invalid_files.iterdir()} == before


def test_a_run_is_never_overwritten(ce_nas, run_folder):
    before = (run_folder / "journal.sqlite").read_bytes()
    result = ce_nas("search", *SMALL, "--seed", 9, "--out", "run")
    assert result.status == 2
    assert "another --out, or read the run, which has ended, with: ce-nas report run" in result.stderr
    assert (run_folder / "journal.sqlite").read_bytes() == before


def test_resume_and_report_of_a_missing_run(ce_nas):
    for command in ("resume", "report"):
        result = ce_nas(command, "nowhere")
        assert result.status == 2
        assert "nowhere" in result.stderr


def test_the_command_line_imports_nothing_heavy():
    code = "import sys, ce_nas, ce_nas.apps.cli.main; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert {"numpy", "pandas", "torch", "sklearn", "matplotlib", "pydantic"} & set(result.stdout.split()) == set()


def test_grid_zones_and_now(ce_nas, tmp_path):
    result = ce_nas("grid", "zones", "--json", "zones.json")
    assert result.status == 0, result.stderr
    assert {"solar", "wind", "coal"} <= {zone["name"] for zone in json.loads((tmp_path / "zones.json").read_text())}
    trace = tmp_path / "trace.csv"
    hours = [datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=h) for h in range(-60, 3)]
    trace.write_text("time,intensity\n" + "".join(f"{hour.isoformat()},{250 + hour.hour}\n" for hour in hours))
    result = ce_nas("grid", "now", "--provider", "file", "--file", trace, "--zone", "trace")
    assert result.status == 0, result.stderr
    assert "g CO2eq/kWh" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--provider", "eletricity-maps", "--zone", "DE"), "Did you mean 'electricity-maps'"),
        (("--provider", "electricity-maps", "--zone", "DE"), "ELECTRICITYMAPS_TOKEN"),
        (("--provider", "uk", "--zone", "GB", "--max-fallback", "whatever"), "forecast"),
    ],
)
def test_grid_now_errors(ce_nas, arguments, message):
    pytest.importorskip("httpx", reason="needs the extra 'live'")
    result = ce_nas("grid", "now", *arguments)
    assert result.status == 2
    assert result.stderr.startswith("ce-nas: ")
    assert message in result.stderr


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--seed", "abc", "Expected a whole number of at least 0 for seed, got 'abc'"),
        ("--gpus", "1.5", "Expected a whole number from 1 to 4096 for cluster.gpus, got 1.5"),
        ("--pue", "low", "Expected a number from 1 to 10 for cluster.pue, got 'low'"),
    ],
)
def test_a_number_that_is_none_is_refused_in_the_words_of_the_settings(ce_nas, option, value, words):
    result = ce_nas("search", option, value)
    assert result.status == 2
    assert words in result.stderr


def test_a_search_that_can_finish_nothing_is_refused_and_writes_nothing(ce_nas, tmp_path):
    result = ce_nas("search", "--hours", "0.1", "--out", "run")
    assert result.status == 2
    assert "Raise --hours" in result.stderr
    assert not (tmp_path / "run").exists()
