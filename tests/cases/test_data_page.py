"""The page on data is true: its blocks run, in their order, in one folder."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ce_nas.apps.cli.main import app
from ce_nas.grid.layouts import LAYOUTS

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
BLOCKS = re.findall(r"```(python|console)\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.long
def test_the_blocks_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CE_NAS_DATA", str(tmp_path / "data"))
    for language, text in BLOCKS:
        if language == "python":
            exec(compile(text, "docs/data.md", "exec"), {})
            continue
        for line in text.splitlines():
            result = CliRunner().invoke(app, shlex.split(line)[2:])
            assert result.exit_code == 0, (line, result.output, result.exception)
    capsys.readouterr()
    assert "unit lb/MWh, as the settings state" in (tmp_path / "priced" / "report.md").read_text()
    report = (tmp_path / "cells" / "report.md").read_text()
    assert "latency_ms [ms] (minimised, known before a training)" in report


def test_every_known_maker_is_on_the_page():
    table = PAGE.partition("### Formats that are known")[2].partition("### What a table")[0]
    makers = {layout.name.split()[0] for layout in LAYOUTS}
    assert not [maker for maker in makers if maker not in table]
