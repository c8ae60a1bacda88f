"""The command line as a user meets it: a process, its output, its status, and what it leaves behind."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest


def ce_nas(*arguments, cwd):
    command = [sys.executable, "-m", "ce_nas", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


SMALL = ("--hours", 4, "--gpus", 2, "--searcher", "uniform")


def test_search_report_and_resume(tmp_path):
    found = ce_nas(
        "search", *SMALL, "--policy", "fixed", "--seed", 3, "--out", "run", "--json", "result.json", cwd=tmp_path
    )
    assert found.returncode == 0, found.stderr
    assert "full book" in found.stdout
    assert "synthetic" in found.stdout
    summary = (tmp_path / "run/summary.json").read_text()
    assert (tmp_path / "result.json").read_text() == summary
    assert {path.name for path in (tmp_path / "run").iterdir()} >= {"journal.sqlite", "report.md", "report.png"}
    for command in ("report", "resume"):
        again = ce_nas(command, "run", "--json", "-", "--quiet", cwd=tmp_path)
        assert again.returncode == 0, again.stderr
        assert again.stdout == summary
    assert {path.name for path in (tmp_path / "run/figures").iterdir()} >= {"saved.svg", "saved.png", "front.svg"}
    text = (tmp_path / "run/report.html").read_text()
    resumed = "ce-nas report RUN"  # a finished run's own page does not look back
    assert resumed in text


def test_a_run_is_reported_and_explained_in_japanese(tmp_path):
    assert ce_nas("search", *SMALL, "--policy", "fixed", "--out", "run", "-q", cwd=tmp_path).returncode == 0
    assert ce_nas("report", "run", "--lang", "ja", "-q", cwd=tmp_path).returncode == 0
    text = (tmp_path / "run/report.html").read_text()
    assert 'lang="ja"' in text
    assert "すぐに始める" in text
    found = ce_nas("explain", "run", "--hour", 2, "--lang", "ja", "--html", "why.html", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert "方策の理由" in found.stdout
    assert 'lang="ja"' in (tmp_path / "why.html").read_text()
    found = ce_nas("explain", "run", "+-", "--lang", "en", cwd=tmp_path)
    assert found.returncode == 2
    assert "divides no space" in found.stderr
    found = ce_nas("report", "run", "--lang", "jp", cwd=tmp_path)
    assert found.returncode == 2
    assert "expected one of: en, ja" in found.stderr


def test_runs_are_numbered_where_no_folder_is_named(tmp_path):
    for number in ("0001", "0002"):
        assert ce_nas("search", *SMALL, "-q", cwd=tmp_path).returncode == 0
        assert (tmp_path / "runs" / number / "summary.json").exists()


def test_a_configuration_file_does_what_flags_do(tmp_path):
    (tmp_path / "search.toml").write_text(
        '[budget]\ntime = "4h"\n[cluster]\ngpus = 2\n[searcher]\nname = "uniform"\n[policy]\nname = "fixed"\n'
    )
    assert ce_nas("search", "search.toml", "--out", "file", "-q", cwd=tmp_path).returncode == 0
    assert ce_nas("search", *SMALL, "--policy", "fixed", "--out", "flags", "-q", cwd=tmp_path).returncode == 0
    first, second = (json.loads((tmp_path / name / "summary.json").read_text()) for name in ("file", "flags"))
    assert first == second


def test_compare_shows_and_writes_its_table(tmp_path):
    found = ce_nas(
        "compare", "--policies", "vanilla,fixed", "--searchers", "uniform", "--zones", "solar,gas", "--seeds", 2,
        "--hours", 3, "--gpus", 2, "--processes", 1, "--json", "table.json", "--html", "page.html", cwd=tmp_path,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert "95 % bootstrap" in found.stdout
    assert "vanilla + uniform" in (tmp_path / "page.html").read_text()
    rows = json.loads((tmp_path / "table.json").read_text())["rows"]
    assert [(row["zone"], row["strategy"]) for row in rows] == [
        ("solar", "vanilla + uniform"), ("solar", "fixed + uniform"),
        ("gas", "vanilla + uniform"), ("gas", "fixed + uniform"),
    ]  # fmt: skip
    assert all(row["carbon_kg"]["low"] <= row["carbon_kg"]["median"] <= row["carbon_kg"]["high"] for row in rows)


def test_doctor_finds_this_machine_well(tmp_path):
    found = ce_nas("doctor", "--json", "checks.json", cwd=tmp_path)
    assert found.returncode == 0, found.stdout
    checks = {check["name"]: check for check in json.loads((tmp_path / "checks.json").read_text())}
    assert "15,625" in checks["embedded benchmark"]["found"]


@pytest.fixture
def files(tmp_path):
    """Files that are wrong in one way each."""
    head = "time,intensity\n"
    contents = {
        "empty.csv": "",
        "rowless.csv": head,
        "words.csv": head + "2022-01-01T00:00,much\n2022-01-01T01:00,200\n",
        "negative.csv": head + "2022-01-01T00:00,200\n2022-01-01T01:00,-3\n",
        "infinite.csv": head + "2022-01-01T00:00,200\n2022-01-01T01:00,inf\n",
        "short.csv": head + "".join(f"2022-01-01T{hour:02d}:00,{200 + hour}\n" for hour in range(12)),
        "holes.csv": head + "".join(f"2022-01-01T{hour:02d}:00,{'' if hour == 3 else 200}\n" for hour in range(12)),
        "table.csv": "op,train_s\na,3\nb,4\n",
        "timeless.csv": "op,accuracy,latency\na,3,1\nb,4,2\n",
        "typo.toml": "[budgets]\ntime = '4h'\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("typo.toml",), "Did you mean 'budget'"),
        (("--zone", "solr"), "Did you mean 'solar'"),
        (("--trace", "nowhere.csv"), "nowhere.csv"),
        (("--trace", "empty.csv"), "empty.csv"),
        (("--trace", "rowless.csv"), "rowless.csv"),
        (("--trace", "words.csv"), "'much'"),
        (("--trace", "negative.csv"), "-3"),
        (("--trace", "infinite.csv"), "inf"),
        (("--trace", "short.csv", "--hours", "20"), "covers 2022-01-01 00:00 UTC to 2022-01-01 12:00 UTC"),
        (("--trace", "holes.csv", "--hours", "10"), "gap from 2022-01-01 03:00 UTC to 2022-01-01 04:00 UTC"),
        (("--table", "table.csv"), "metric"),
        (("--table", "timeless.csv"), "train_s"),
        (("--carbon-budget", "5 volts"), "5kg"),
        (("--carbon-budget", "0kg"), "above zero"),
        (("--hours", "soon"), "80h"),
        (("--benchmark", "nb102"), "nb201"),
        (("--objectives", "accuracy,speed"), "latency"),
        (("--policy", "carbonfree"), "heuristic"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2_and_leaves_nothing_behind(files, arguments, said):
    before = {path: path.read_bytes() for path in files.iterdir()}
    found = ce_nas("search", *arguments, cwd=files)
    assert found.returncode == 2, found.stderr
    assert found.stdout == ""
    assert found.stderr.startswith("ce-nas: ")
    assert found.stderr.count("\n") == 1
    assert said in found.stderr
    assert {path: path.read_bytes() for path in files.iterdir()} == before


def test_a_run_is_never_written_over(tmp_path):
    assert ce_nas("search", *SMALL, "-q", "--out", "run", cwd=tmp_path).returncode == 0
    before = (tmp_path / "run/journal.sqlite").read_bytes()
    found = ce_nas("search", *SMALL, "--seed", 9, "--out", "run", cwd=tmp_path)
    assert found.returncode == 2
    assert "ce-nas resume run" in found.stderr
    assert (tmp_path / "run/journal.sqlite").read_bytes() == before


def test_resume_and_report_of_nothing(tmp_path):
    for command in ("resume", "report"):
        found = ce_nas(command, "nowhere", cwd=tmp_path)
        assert found.returncode == 2
        assert "nowhere" in found.stderr


@pytest.mark.parametrize("module", ["numpy", "pandas", "torch", "sklearn", "matplotlib", "pydantic"])
def test_help_and_import_load_nothing_heavy(module):
    code = f"import sys, ce_nas, ce_nas.apps.cli.main; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_grid_zones_and_now(tmp_path):
    listed = ce_nas("grid", "zones", "--json", "zones.json", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert {"solar", "wind", "coal"} <= {zone["name"] for zone in json.loads((tmp_path / "zones.json").read_text())}
    trace = tmp_path / "trace.csv"
    hours = [datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=h) for h in range(-60, 3)]
    trace.write_text("time,intensity\n" + "".join(f"{hour.isoformat()},{250 + hour.hour}\n" for hour in hours))
    found = ce_nas("grid", "now", "--source", "file", "--file", trace, "--zone", "trace", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert "g CO2eq/kWh" in found.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--source", "eletricity-maps", "--zone", "DE"), "Did you mean 'electricity-maps'"),
        (("--source", "electricity-maps", "--zone", "DE"), "ELECTRICITYMAPS_TOKEN"),
        (("--source", "uk", "--zone", "GB", "--worst", "whatever"), "forecast"),
    ],
)
def test_grid_now_says_what_is_wrong(tmp_path, arguments, said):
    found = ce_nas("grid", "now", *arguments, cwd=tmp_path)
    assert found.returncode == 2
    assert found.stderr.startswith("ce-nas: ")
    assert said in found.stderr
