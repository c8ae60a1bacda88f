"""The page of all settings."""

import re
import tomllib
from pathlib import Path

import pytest

from ce_nas.config.schema import Settings
from ce_nas.config.settings_page import render_settings_page

pytest.importorskip("httpx", reason="providers on the network need the extra live")


@pytest.fixture(scope="module")
def page():
    return render_settings_page()


def test_the_committed_page_is_the_generated_one(page):
    committed = Path(__file__).parents[2] / "docs/settings.md"
    assert committed.read_text() == page, "write it with: ce-nas config docs --out docs/settings.md"


def test_the_example_is_a_configuration_file(page):
    (example,) = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    assert Settings.model_validate(tomllib.loads(example)).policy.cost_weight == 0.2


def test_the_page_has_every_section_and_flag(page):
    for name in Settings.model_fields:
        assert f"## [{name}]" in page or f"| `{name}` |" in page
    assert "`--carbon-budget`" in page
    assert "### policy: look-ahead" in page
