"""The scripts of ``benchmarks/``: each can be tried quickly, repeated by its seed, and read by a program."""

from pathlib import Path

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
OPTIONS = ("--quick", "--json", "--seed")
#: makes the table that another one plays
TABLE_MAKERS = {"own_code_problems.py"}


def test_every_benchmark_takes_the_same_three_options():
    texts = {path.name: path.read_text() for path in BENCHMARKS.glob("*.py") if path.name not in TABLE_MAKERS}
    scripts = {name: text for name, text in texts.items() if "ArgumentParser(" in text}
    lacking = {name: [option for option in OPTIONS if f'"{option}"' not in text] for name, text in scripts.items()}
    assert len(scripts) > 20
    assert {name: options for name, options in lacking.items() if options} == {}
