"""The decision paper: its content in both languages, and that it prints on two pages."""

import re
import subprocess
from dataclasses import replace
from decimal import Decimal
from shutil import which

import pytest

from ce_nas.apps.pilot.costs import TARGET_NOT_REACHED, SearchMethod
from ce_nas.apps.pilot.paper import decision_html, decision_page
from ce_nas.report.i18n.translator import LANGUAGES, Translator
from ce_nas.report.markdown import render_markdown

pytestmark = pytest.mark.long  # a whole pilot, twelve searches and their baselines

TRANSLATE = Translator("en")


def verdict(result):
    return decision_page(result, TRANSLATE).sections[0].paragraphs[0]


def payback(result):
    return decision_page(result, TRANSLATE).sections[2].paragraphs[0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_sections_units_and_methods_in_both_languages(result, language):
    translate = Translator(language)
    page = decision_page(result, translate)
    names = [section.name for section in page.sections]
    assert names == ["decision", "search", "year", "sensitivity", "unknown", "plan", "basis"]
    assert [section.name for section in page.sections if section.page_break_before] == ["sensitivity"]
    search = page.sections[1].tables[0]
    assert [row[0].strip("*") for row in search.rows] == [
        translate(f"pilot.way.{method.name}") for method in result.methods
    ]
    assert search.header[1:5] == ("kWh", "kg CO2eq", "EUR", "h")
    assert len(page.sections[3].tables[0].rows) == len(result.conditions)
    text = render_markdown(page)
    for name in ("pilot.section.unknown", "pilot.section.plan", "pilot.stage.3"):
        assert translate(name) in text
    assert not re.search(r"\b(nan|inf)\b", text)


def test_verdict_follows_from_the_intervals(result):
    rows = result.baseline.costs

    def with_share(share):
        return SearchMethod(
            "ce-nas", tuple(tuple(replace(cost, carbon_g=cost.carbon_g * share) for cost in row) for row in rows)
        )

    go = verdict(replace(result, ce_nas=with_share(0.2)))
    assert "Worth a pilot" in go
    assert "Without proxy scores" in go
    shifting_suffices = replace(result, ce_nas=with_share(0.9), shifted=with_share(0.9))
    assert "Shift the hours first" in verdict(shifting_suffices)
    assert "No saving shown" in verdict(replace(result, ce_nas=with_share(1.1)))
    missed = SearchMethod("ce-nas", tuple(tuple(TARGET_NOT_REACHED for _ in row) for row in rows))
    assert "Not feasible within this deadline" in verdict(replace(result, ce_nas=missed))


def test_cost_needs_prices(result, inputs):
    unpriced = replace(inputs, electricity_price=None, gpu_hour_price=None, carbon_price=None)
    page = decision_page(replace(result, inputs=unpriced), TRANSLATE)
    assert page.sections[1].tables[0].header[1:4] == ("kWh", "kg CO2eq", "h")
    assert "is unknown" in page.sections[2].paragraphs[0]
    assert "recovered within a year if" in payback(replace(result, inputs=replace(inputs, engineer_price=None)))
    assert "is recovered after" in payback(result)
    zero_prices = replace(inputs, electricity_price=0.0, gpu_hour_price=0.0, carbon_price=0.0)
    assert "is not recovered" in payback(replace(result, inputs=zero_prices))


@pytest.mark.browser
@pytest.mark.parametrize("language", LANGUAGES)
def test_paper_prints_on_two_a4_sheets(result, language, tmp_path):
    browser = which("chromium") or which("chromium-browser") or which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium to print with")
    page, printed = tmp_path / "decision.html", tmp_path / "decision.pdf"
    page.write_text(decision_html(result, Translator(language)))
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    options = [f"--user-data-dir={tmp_path / 'browser'}", "--no-pdf-header-footer", f"--print-to-pdf={printed}"]
    subprocess.run([*command, *options, page.as_uri()], capture_output=True, timeout=120, check=True)
    content = printed.read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b", content)) == 2
    width, height = map(float, re.search(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", content).groups())
    assert (width, height) == pytest.approx((595, 842), abs=1.5)


@pytest.mark.browser
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_names_of_the_stages_are_not_broken_on_paper(result, language, tmp_path):
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    browser = which("chromium")
    if browser is None:
        pytest.skip("no Chromium to print with")
    (tmp_path / "decision.html").write_text(decision_html(result, Translator(language)))
    with (
        sync_api.sync_playwright() as driver,
        driver.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"]) as opened,
    ):
        page = opened.new_page(viewport={"width": 695, "height": 1000})  # A4 within its margins
        page.emulate_media(media="print")
        page.goto((tmp_path / "decision.html").as_uri())
        lines = page.evaluate("""[...document.querySelectorAll("#plan th[scope=row]")].map((cell) => {
          const text = document.createRange();
          text.selectNodeContents(cell);
          return text.getClientRects().length;
        })""")
    assert lines == [1, 1, 1]


def test_the_savings_of_a_year_are_the_differences_of_the_printed_amounts(result):
    for searches in (7.0, 12.0, 13.7, 1000.0):
        yearly = replace(result, inputs=replace(result.inputs, searches_per_year=searches))
        page = decision_page(yearly, TRANSLATE)
        (section,) = (each for each in page.sections if each.name == "year")
        for column in list(zip(*section.tables[0].rows, strict=True))[1:]:
            today, shifted, ours, saved, saved_by_hours = (Decimal(cell.split()[0].replace(",", "")) for cell in column)
            assert (today - ours, shifted - ours) == (saved, saved_by_hours)
