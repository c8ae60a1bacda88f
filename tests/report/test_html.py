import re
import shutil
from html.parser import HTMLParser

import pytest

from ce_nas.core.units import as_carbon
from ce_nas.report.html import html, section_html
from ce_nas.report.i18n.words import Words
from ce_nas.report.page import Fact, Page, Section, Table
from ce_nas.report.run_report import run_page

VOID = {"meta", "link", "path", "rect", "circle", "br"}


class Checker(HTMLParser):
    """Knows which elements are open; an end that does not fit its start is an error."""

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
def page(result, request):
    return request.param, html(run_page(result.entries, Words(request.param)))


def test_it_is_whole_and_names_its_language(page):
    language, text = page
    found = parsed(text)
    assert found.all("html")[0]["lang"] == language
    assert len(found.all("h1")) == 1
    assert len(found.all("svg")) == 6


def test_it_asks_nothing_of_the_network(page):
    _, text = page
    urls = set(re.findall(r"[a-z]+://[^\s\"'<>)]+", text)) - {"http://www.w3.org/2000/svg"}
    assert urls == set()
    assert not re.search(r"(?:src|href)=[\"'](?!#|data:)", text)
    assert "@import" not in text
    assert len(text) < 400_000


def test_it_holds_the_numbers(page, result):
    _, text = page
    for wanted in (*map(as_carbon, result.summary.carbon_g.values()), result.summary.journal_sha256):
        assert wanted in text
    for member in result.summary.front:
        assert member.architecture in text


def test_figures_tables_and_headings_can_be_heard(page):
    _, text = page
    found = parsed(text)
    assert all(len(attrs["aria-label"]) > 20 for attrs in found.all("svg"))
    assert all("scope" in attrs for attrs in found.all("th"))
    ids = [attrs["id"] for _, attrs in found.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = {attrs["href"][1:] for attrs in found.all("a")}
    assert targets <= set(ids)
    assert {attrs["aria-labelledby"] for attrs in found.all("section")} <= set(ids)


def test_what_a_run_says_is_never_taken_for_html():
    evil = "<script>alert(1)</script> & **bold** `code`"
    section = Section("s", evil, [Fact(evil, evil)], [evil], tables=[Table(evil, [evil], [[evil]])], notes=[evil])
    text = html(Page(evil, evil, [section], Words("en")))
    assert text.count("<script>") == 1  # our own
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; <strong>bold</strong> <code>code</code>" in text


def test_a_section_can_be_shown_alone(result):
    words = Words("en")
    for section in run_page(result.entries, words).sections:
        found = parsed(str(section_html(section, words)))
        assert found.tags[0] == ("section", {"id": section.name, "aria-labelledby": f"{section.name}-title"})


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
def test_a_browser_shows_it_without_a_fault_or_a_request(browser, page, tmp_path, width):
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
    shown.wait_for_timeout(300)  # scrolling hides what was said
    target.hover()
    shown.locator("#tip").wait_for(state="visible")
    button = shown.locator("button.copy").first
    before = button.text_content()
    button.click()
    shown.wait_for_function("text => document.querySelector('button.copy').textContent !== text", arg=before)
    shown.close()
    assert faults == []
