"""Every option that a message names exists on a command that can give the message."""

import ast
import re
from pathlib import Path

import pytest

import ce_nas
from ce_nas.apps.cli.main import COMMANDS, add_way_out, list_options
from ce_nas.apps.cli.main import _build as build_command

SOURCE = Path(ce_nas.__file__).parent
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*[a-z0-9]")
SEARCHES = ("search",)
#: where a message is raised, by the start of its module's path, and the commands that reach it
REACHED_BY = {
    "grid/": ("search", "estimate", "forecast fit", "forecast backtest"),
    "grid/weather_issues": ("forecast backtest", "search", "grid weather"),
    "datasets/download": ("data fetch",),
    "datasets/importers/": ("data import",),
    "rl/": ("policy train",),
    "experiments/": ("bench equal-quality",),
    "experiments/studies/": ("bench zones", "bench hypervolume-over-time"),
    "forecast/": ("forecast fit", "forecast backtest"),
    "store/run_dir": SEARCHES,
    "engine/input_changes": ("resume",),
    "engine/build_live": ("resume",),
    "store/resumption": ("resume",),
    "apps/dashboard/server": ("serve",),
    "apps/pilot/": ("pilot",),
    "report/plotting/policy_training": ("policy train",),
    "config/without_effect": ("search", "bench equal-quality", "compare"),
    "": SEARCHES,
}
#: options of other programs, and the reason why they are named
FOREIGN = {
    ("cluster/workers/slurm_queue.py", "*"): "the options of squeue and sbatch",
    ("cluster/workers/ray.py", "--head"): "the command of Ray that starts a cluster",
    ("gpu_check.py", "*"): "the options of python -m ce_nas.gpu_check",
    ("gpu_check_steps.py", "*"): "the options of python -m ce_nas.gpu_check",
    ("forecast/forecaster_selection.py", "--until"): "named together with the command that fits a forecaster",
}
#: likewise in the checks of doctor: options of pip, squeue, ray and systemctl
FOREIGN_IN_DOCTOR = {"--upgrade", "--noheader", "--format", "--head", "--property", "--value"}


def messages(path):
    """The texts of a module without its docstrings; the parts of an f-string are one text."""
    tree = ast.parse(path.read_text())
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def named_options():
    for path in sorted(SOURCE.rglob("*.py")):
        relative = path.relative_to(SOURCE).as_posix()
        if relative.startswith(("apps/cli/", "testing/")):  # the declarations themselves
            continue
        for text in messages(path):
            for option in OPTION.findall(text):
                named = re.search(r"ce-nas ([a-z]+(?: (?:fit|predict|backtest|fetch|import|train|now|weather))?)", text)
                yield relative, option, named.group(1) if named else None


def options_of(command):
    return list_options(command.split())


@pytest.fixture(scope="module")
def every_option():
    names = set()
    for name in COMMANDS:
        command = build_command(name)
        for inner in getattr(command, "commands", None) or [None]:
            names |= list_options([name, inner] if inner else [name])
    return names


@pytest.mark.long
def test_named_options_exist_where_they_are_named():
    wrong = []
    for module, option, command in sorted(set(named_options()), key=str):
        if (module, option) in FOREIGN or (module, "*") in FOREIGN:
            continue
        start = max((start for start in REACHED_BY if module.startswith(start)), key=len)
        commands = [*REACHED_BY[start], *([command] if command else [])]
        lacking = [name for name in commands if option not in options_of(name)]
        if len(lacking) == len(commands):
            wrong.append(f"{module}: {option} is not an option of {', '.join(commands)}")
    assert not wrong, "\n".join(wrong)


def test_options_in_messages_of_the_command_line_exist(every_option):
    wrong = []
    for path in sorted((SOURCE / "apps" / "cli").glob("*.py")):
        wrong += [f"{path.name}: {option}" for text in messages(path) for option in OPTION.findall(text)
                  if option not in every_option | {"--help", "--version"}
                  and not (path.name.startswith("doctor") and option in FOREIGN_IN_DOCTOR)]  # fmt: skip
    assert not wrong, wrong


@pytest.mark.parametrize("command", ["pilot", "grid now"])
def test_a_command_without_an_option_names_the_one_that_has_it(command):
    message = "State the unit with --unit, such as kg/kWh."
    assert add_way_out(message, command.split()).endswith(
        "This command has no --unit: import the file with ce-nas data import electricity-maps, which has, and name "
        "its zone."
    )
    assert add_way_out(message, ["search", "--trace", "t.csv"]) == message
    assert add_way_out(message, ["data", "import", "electricity-maps", "t.csv"]) == message
    assert add_way_out(message, []).startswith(message)
