import re
import shutil
from html.parser import HTMLParser

import pytest

from ce_nas.analysis.statistics import Interval
from ce_nas.core.formatting import format_carbon
from ce_nas.experiments.sweep import SweepRow, SweepSummary, sweep_page
from ce_nas.report.html import render_html, render_section
from ce_nas.report.i18n.translator import Translator
from ce_nas.report.page import Fact, ReportPage, ReportSection, ReportTable
from ce_nas.report.run_report import build_run_report

VOID = {"meta", "link", "path", "rect", "circle", "br"}


class Checker(HTMLParser):
    """Checks that every end tag matches its start tag."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def parsed(text):
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    return checker


@pytest.fixture(scope="module", params=["en", "ja"])
def page(finished_run, request):
    return request.param, render_html(build_run_report(finished_run.entries, Translator(request.param)))


def test_page_is_valid_and_names_its_language(page):
    language, text = page
    checker = parsed(text)
    assert checker.all("html")[0]["lang"] == language
    assert len(checker.all("h1")) == 1
    assert len(checker.all("svg")) == 7


def test_page_makes_no_network_request(page):
    _, text = page
    urls = set(re.findall(r"[a-z]+://[^\s\"'<>)]+", text)) - {"http://www.w3.org/2000/svg"}
    assert urls == set()
    assert not re.search(r"(?:src|href)=[\"'](?!#|data:)", text)
    assert "@import" not in text
    assert len(text) < 400_000


def test_page_contains_the_key_figures(page, finished_run):
    _, text = page
    for expected in (*map(format_carbon, finished_run.summary.carbon_g.values()), finished_run.summary.journal_sha256):
        assert expected in text
    for member in finished_run.summary.front:
        assert member.architecture in text


def test_page_is_accessible_to_screen_readers(page):
    _, text = page
    checker = parsed(text)
    assert all(len(attrs["aria-label"]) > 20 for attrs in checker.all("svg"))
    assert all("scope" in attrs for attrs in checker.all("th"))
    ids = [attrs["id"] for _, attrs in checker.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = {attrs["href"][1:] for attrs in checker.all("a")}
    assert targets <= set(ids)
    assert {attrs["aria-labelledby"] for attrs in checker.all("section")} <= set(ids)


def test_content_is_escaped():
    evil = "<script>alert(1)</script> & **bold** `code`"
    section = ReportSection(
        "s", evil, [Fact(evil, evil)], [evil], tables=[ReportTable(evil, [evil], [[evil]])], notes=[evil]
    )
    text = render_html(ReportPage(evil, evil, [section], Translator("en")))
    assert text.count("<script>") == 1  # our own
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; <strong>bold</strong> <code>code</code>" in text


def test_section_can_be_rendered_alone(finished_run):
    translate = Translator("en")
    for section in build_run_report(finished_run.entries, translate).sections:
        checker = parsed(str(render_section(section, translate)))
        assert checker.tags[0] == ("section", {"id": section.name, "aria-labelledby": f"{section.name}-title"})


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    with playwright.sync_playwright() as driver:
        arguments = ["--no-sandbox", "--disable-background-networking", "--disable-gpu"]
        with driver.chromium.launch(executable_path=chromium, args=arguments) as opened:
            yield opened


@pytest.mark.parametrize("width", [1280, 390])
def test_browser_shows_page_without_error_or_request(browser, page, tmp_path, width):
    _, text = page
    (tmp_path / "report.html").write_text(text)
    faults = []
    shown = browser.new_page(viewport={"width": width, "height": 800})
    shown.on("console", lambda message: faults.append(message.text))
    shown.on("pageerror", lambda error: faults.append(str(error)))
    shown.on("request", lambda request: faults.append(request.url) if request.url.startswith("http") else None)
    shown.goto((tmp_path / "report.html").as_uri())
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    target = shown.locator("[data-hint]").first
    target.scroll_into_view_if_needed()
    shown.wait_for_timeout(300)  # scrolling hides the tooltip
    target.hover()
    shown.locator("#tip").wait_for(state="visible")
    button = shown.locator("button.copy").first
    before = button.text_content()
    button.click()
    shown.wait_for_function("text => document.querySelector('button.copy').textContent !== text", arg=before)
    shown.close()
    assert faults == []


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_comparison_shows_all_its_columns_at_1280_pixels(browser, tmp_path, language):
    strategies = ("vanilla + random", "suspend-resume + surrogate")
    wide = Interval(123.45, 101.23, 145.67)
    row = (5, wide, wide, wide, wide, Interval(0.91234, 0.90123, 0.93456), Interval(1234.0, 1200.0, 1300.0))
    rows = tuple(SweepRow(strategy, "solar", *row, Interval(1.2345, 0.4567, 12.345), 0.8) for strategy in strategies)
    page = sweep_page(SweepSummary(strategies[0], rows), Translator(language))
    (tmp_path / "comparison.html").write_text(render_html(page))
    shown = browser.new_page(viewport={"width": 1280, "height": 800})
    shown.goto((tmp_path / "comparison.html").as_uri())
    hidden = "[...document.querySelectorAll('.scroll')].map(table => table.scrollWidth - table.clientWidth)"
    assert max(shown.evaluate(hidden)) <= 0
    shown.close()
