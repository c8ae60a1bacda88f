"""``ce-nas pilot`` as a user meets it."""

import json
import subprocess
import sys

import pytest

TEAM = ("--gpus", 4, "--gpu-hours", 40, "--trainings", 60, "--zone", "wind")


def pilot(*arguments, cwd):
    command = [sys.executable, "-m", "ce_nas", "pilot", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=180, check=False)


def test_a_decision_paper_from_a_file_and_options(tmp_path):
    (tmp_path / "team.toml").write_text('gpus = 2\nzone = "coal"\nelectricity_price = 0.2\n')
    found = pilot("team.toml", *TEAM, "--quick", "--lang", "ja", "--json", "-", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    content = json.loads(found.stdout[: found.stdout.rindex("}") + 1])
    assert content["figures"]["gpus"] == 4
    assert content["figures"]["electricity_price"] == 0.2
    assert content["facts"]["zone"] == "wind"
    assert "CE-NAS" in found.stdout
    text = (tmp_path / "pilot/decision.html").read_text()
    assert 'lang="ja"' in text
    assert text.count('<div class="sheet">') == 2
    assert "分かっていないこと" in (tmp_path / "pilot/decision.md").read_text()


def test_a_pilot_from_a_run_on_file(tmp_path):
    search = [sys.executable, "-m", "ce_nas", "search", "--hours", "4", "--gpus", "2", "--searcher", "uniform"]
    subprocess.run([*search, "--policy", "fixed", "--out", "run", "-q"], cwd=tmp_path, timeout=120, check=True)
    found = pilot("--run", "run", "--out", "paper", "--lang", "en", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert "Too few runs to tell" in found.stdout
    assert (tmp_path / "paper/decision.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--gpus", -4), "Expected gpus between 1 and 512, got -4."),
        (("--zone", "atlantis"), "atlantis"),
        (("--deadline", "3h"), "Expected a deadline of 50 h or more"),
        (("nothing.toml",), "nothing.toml"),
        (("--today-run", "run"), "name them with --run"),
        (("--run", "nowhere"), "Expected a run's journal"),
        (("--quick", "--thorough"), "exclude one another"),
    ],
)
def test_what_is_of_no_use_is_said_in_a_sentence(arguments, said, tmp_path):
    found = pilot(*arguments, "--lang", "en", cwd=tmp_path)
    assert found.returncode == 2
    assert said in " ".join(found.stderr.replace("│", " ").split())
    assert "Traceback" not in found.stderr
    assert not list(tmp_path.iterdir())
