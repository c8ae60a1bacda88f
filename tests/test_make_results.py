"""``make results``: its steps exist, are run once, continue after an interruption, and end on one page."""

import importlib.util
import json
import shlex
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
spec = importlib.util.spec_from_file_location("make_results", ROOT / "scripts" / "make_results.py")
make_results = importlib.util.module_from_spec(spec)
sys.modules["make_results"] = make_results
spec.loader.exec_module(make_results)
Step = make_results.Step

COUNTS = "python -c \"import pathlib, sys; file = pathlib.Path(sys.argv[1]) / 'runs'; file.open('a').write('x'); {}\""


@pytest.fixture
def steps(monkeypatch):
    """Two steps that count their runs; the second fails while its folder has no file ``ready``."""
    needs = "sys.exit(not (file.parent / 'ready').exists())"
    steps = [
        Step("one", "First", "", f"{COUNTS.format('print(11)')} {{out}}"),
        Step("two", "Second", "", f"{COUNTS.format(needs)} {{out}}"),
        Step("three", "Third", "python -c 0 {data}", ""),
    ]
    monkeypatch.setattr(make_results, "STEPS", steps)
    monkeypatch.setattr(make_results, "describe_state", lambda data: dict(state))
    state = {"version": "1", "source": "s", "data": "d"}
    return state


def runs(folder, name):
    return len((folder / name / "runs").read_text())


def test_a_finished_step_is_not_run_again_and_a_failed_one_is(tmp_path, steps, capsys):
    out = tmp_path / "results"
    assert make_results.main(["--out", str(out), "--quick"]) == 1
    (out / "two" / "ready").touch()
    assert make_results.main(["--out", str(out), "--quick"]) == 0
    assert (runs(out, "one"), runs(out, "two")) == (1, 2)
    page = (out / "results.md").read_text()
    assert "## First" in page
    assert "```text\n11\n```" in page
    assert "with status 0" in page
    assert "no figures to report" in page
    assert "Left out" in page.splitlines()[-1]
    assert "three" in page.splitlines()[-1]


def test_a_step_of_another_source_is_set_aside(tmp_path, steps, capsys):
    out = tmp_path / "results"
    make_results.main(["--out", str(out), "--quick", "--only", "one"])
    steps["source"] = "t"
    make_results.main(["--out", str(out), "--quick", "--only", "one", "--keep"])
    assert runs(out, "one") == 1
    make_results.main(["--out", str(out), "--quick", "--only", "one"])
    assert runs(out, "one") == 1
    assert [runs(out, folder.name) for folder in out.glob("one.*")] == [1]
    assert json.loads((out / "one" / "stamp.json").read_text())["source"] == "t"


@pytest.mark.parametrize(("continues", "expected"), [(True, 2), (False, 1)])
def test_an_interrupted_step_begins_again_or_continues(tmp_path, steps, monkeypatch, continues, expected):
    out = tmp_path / "results"
    step = Step("one", "First", "", f"{COUNTS.format('')} {{out}}", continues=continues)
    run = make_results.subprocess.run

    def interrupted(*arguments, **keywords):
        run(*arguments, **keywords)
        raise KeyboardInterrupt

    monkeypatch.setattr(make_results.subprocess, "run", interrupted)
    command = step.command(None, quick=True)
    with pytest.raises(KeyboardInterrupt):
        make_results.run_step(step, command, out, steps, keep=False)
    assert make_results.read_stamp(out / "one")["status"] is None
    monkeypatch.setattr(make_results.subprocess, "run", run)
    assert make_results.run_step(step, command, out, steps, keep=False)["status"] == 0
    assert runs(out, "one") == expected


def test_the_digest_follows_names_and_contents(tmp_path):
    file = tmp_path / "a"
    file.write_text("1")
    first = make_results.digest_of([file])
    file.write_text("2")
    second = make_results.digest_of([file])
    assert len({first, second, make_results.digest_of([])}) == 3


def test_without_data_the_steps_that_need_it_are_left_out():
    for step in make_results.STEPS:
        assert "{data}" not in step.command(None, quick=False)
        assert "{data}" not in step.command(Path("/data"), quick=False)
        assert step.command(Path("/data"), quick=False)
    names = [step.name for step in make_results.STEPS]
    assert len(set(names)) == len(names)
    assert sum(bool(step.command(None, quick=True)) for step in make_results.STEPS) >= 8


@pytest.mark.parametrize("step", make_results.STEPS, ids=lambda step: step.name)
def test_commands_exist_with_their_options(step):
    from typer.main import get_command

    from ce_nas.apps.cli.main import app

    for text in {step.full, step.quick, step.full_embedded} - {""}:
        program, *words = shlex.split(text)
        if program == "python":
            source = (ROOT / words[0]).read_text()
            assert all(f'"{word}"' in source for word in words if word.startswith("--")), text
            continue
        command = get_command(app)
        while hasattr(command, "resolve_command"):
            context = type(command).context_class(command, info_name="ce-nas")
            _, command, words = command.resolve_command(context, words)
        context = type(command).context_class(command, info_name=command.name)
        command.make_parser(context).parse_args(list(words))  # an unknown option is an error


@pytest.mark.long
def test_the_short_form_of_every_step_runs(tmp_path, capsys):
    out = tmp_path / "results"
    assert make_results.main(["--out", str(out), "--quick"]) == 0, capsys.readouterr().out
    page = (out / "results.md").read_text()
    assert page.count("with status 0") == sum(bool(step.quick) for step in make_results.STEPS)
    assert "![" in page
