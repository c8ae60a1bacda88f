"""The decision paper: what it says, in both languages, and that it is two pages."""

import re
import subprocess
from dataclasses import replace
from shutil import which

import pytest

from ce_nas.apps.pilot.costs import NEVER, Way
from ce_nas.apps.pilot.first_page import decision_html, decision_page
from ce_nas.report.i18n.words import LANGUAGES, Words
from ce_nas.report.markdown import markdown

WORDS = Words("en")


def verdict(result):
    return decision_page(result, WORDS).sections[0].paragraphs[0]


def pays(result):
    return decision_page(result, WORDS).sections[2].paragraphs[0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_number_has_its_unit_and_its_counterfactual(result, language):
    words = Words(language)
    page = decision_page(result, words)
    names = [section.name for section in page.sections]
    assert names == ["decision", "search", "year", "sensitivity", "unknown", "plan", "basis"]
    assert [section.name for section in page.sections if section.new_sheet] == ["sensitivity"]
    search = page.sections[1].tables[0]
    assert [row[0].strip("*") for row in search.rows] == [words(f"pilot.way.{way.name}") for way in result.ways]
    assert search.head[1:5] == ("kWh", "kg CO2eq", "EUR", "h")
    assert len(page.sections[3].tables[0].rows) == len(result.places)
    text = markdown(page)
    for name in ("pilot.section.unknown", "pilot.section.plan", "pilot.stage.3"):
        assert words(name) in text
    assert not re.search(r"\b(nan|inf)\b", text)


def test_the_verdict_follows_from_the_intervals(result):
    rows = result.today.outlays

    def with_share(share):
        return Way("ce-nas", tuple(tuple(replace(one, carbon_g=one.carbon_g * share) for one in row) for row in rows))

    worth = verdict(replace(result, ce_nas=with_share(0.2)))
    assert "Worth a pilot" in worth
    assert "without any" in worth
    between = replace(result, ce_nas=with_share(0.9), good_hours=with_share(0.9))
    assert "First move the hours" in verdict(between)
    assert "Not shown" in verdict(replace(result, ce_nas=with_share(1.1)))
    late = Way("ce-nas", tuple(tuple(NEVER for _ in row) for row in rows))
    assert "Not within this deadline" in verdict(replace(result, ce_nas=late))


def test_money_without_prices_is_not_told(result, figures):
    free = replace(figures, electricity_price=None, gpu_hour_price=None, carbon_price=None)
    page = decision_page(replace(result, figures=free), WORDS)
    assert page.sections[1].tables[0].head[1:4] == ("kWh", "kg CO2eq", "h")
    assert "is not known" in page.sections[2].paragraphs[0]
    assert "A year pays for them if" in pays(replace(result, figures=replace(figures, engineer_price=None)))
    assert "paid back after" in pays(result)
    nothing = replace(figures, electricity_price=0.0, gpu_hour_price=0.0, carbon_price=0.0)
    assert "not paid back" in pays(replace(result, figures=nothing))


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_prints_on_two_sheets_of_a4(result, language, tmp_path):
    browser = which("chromium") or which("chromium-browser") or which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium to print with")
    page, printed = tmp_path / "decision.html", tmp_path / "decision.pdf"
    page.write_text(decision_html(result, Words(language)))
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    options = [f"--user-data-dir={tmp_path / 'browser'}", "--no-pdf-header-footer", f"--print-to-pdf={printed}"]
    subprocess.run([*command, *options, page.as_uri()], capture_output=True, timeout=120, check=True)
    content = printed.read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b", content)) == 2
    width, height = map(float, re.search(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", content).groups())
    assert (width, height) == pytest.approx((595, 842), abs=1.5)
