import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import ce_nas
from ce_nas.apps.cli.main import app
from ce_nas.integrations.published_schemas import JOURNAL_KINDS, published_schema

jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema")
SOURCE = Path(ce_nas.__file__).parent


def validate_journal(entries):
    schema = published_schema("journal")
    bodies = {one["properties"]["kind"]["const"]: one for one in schema["oneOf"]}
    for entry in entries:
        content = {"kind": entry.kind, "at_s": entry.at_s, "body": json.loads(entry.body)}
        jsonschema.validate(content, bodies[entry.kind])


def test_a_run_has_the_published_form(tmp_path):
    settings = {"hours": 8, "gpus": 4, "policy": "hotcarbon", "searcher": "lamoo", "carbon_budget": "3kg"}
    result = ce_nas.run(tmp_path / "run", **settings)
    jsonschema.validate(json.loads((tmp_path / "run" / "summary.json").read_text()), published_schema("summary"))
    validate_journal(result.entries)
    kinds = {entry.kind for entry in result.entries}
    assert {"run_started", "decided", "period", "evaluated", "sampled", "run_ended"} <= kinds
    jsonschema.validate(
        {"kind": "period", "at_s": 1.0, "body": json.loads(next(e.body for e in result.entries if e.kind == "period"))},
        published_schema("journal"),
    )


def test_the_books_of_a_budget_have_the_published_form(make_budget, fake_time, tmp_path):
    with make_budget("50kg", out=tmp_path / "run") as budget:
        fake_time.advance(5000)
        budget.check()
        budget.record("result", {"complete": True})
    validate_journal(budget.entries)
    jsonschema.validate(json.loads((tmp_path / "run" / "summary.json").read_text()), published_schema("summary"))


def test_every_kind_that_is_written_is_published():
    written = set()
    for path in SOURCE.rglob("*.py"):
        text = path.read_text()
        if "journal" in text.lower():
            written |= set(re.findall(r"ournal\.append\(\s*\"([a-z_]+)\"", text))
        if path.name == "journal_writer.py":
            written |= set(re.findall(r"self\._append\(\s*\"([a-z_]+)\"", text))
    assert len(written) >= 15
    assert written <= set(JOURNAL_KINDS), written - set(JOURNAL_KINDS)


@pytest.mark.parametrize("name", ["settings", "summary", "journal"])
def test_the_command_writes_each_schema(name):
    result = CliRunner().invoke(app, ["config", "schema", "--of", name])
    assert result.exit_code == 0, result.output
    schema = json.loads(result.output)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema == json.loads(json.dumps(published_schema(name)))
