"""Every page in Debian's Chromium: clicked through, on a desktop and a phone, in both languages.

Set ``CE_NAS_TEST_SHOTS`` to a folder to keep a picture of every page. Accessibility is judged by axe-core, which lies
in ``axe/`` of the environment that runs the tests, or where ``CE_NAS_TEST_AXE`` says.
"""

import os
import shutil
import socket
import sys
import threading
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from ce_nas.analysis.explanation import explain_hour, explain_run
from ce_nas.analysis.replay_inputs import counterfactual_of, space_of
from ce_nas.api import resume
from ce_nas.apps.dashboard.app import Dashboard
from ce_nas.apps.dashboard.run_folders import Runs
from ce_nas.apps.dashboard.security import Access
from ce_nas.apps.pilot.first_page import decision_html
from ce_nas.experiments.base import Report, Table
from ce_nas.experiments.compare import Strategy, compare
from ce_nas.experiments.output import comparison_page, experiment_page
from ce_nas.report.html import html
from ce_nas.report.i18n.words import Words
from ce_nas.report.run_report import run_page
from ce_nas.store.run_dir import read_run

uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed (extra dashboard)")
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-default-apps", "--disable-domain-reliability", "--no-first-run", "--no-default-browser-check",
    "--metrics-recording-only", "--no-pings",
]  # fmt: skip
DESKTOP, PHONE = (1280, 900), (390, 844)
#: accessibility is judged in these: the markup is the same in the others
JUDGED = {("en", DESKTOP), ("ja", PHONE)}
#: how long is waited for what takes a second on a machine that is at nothing else
WAIT_MS = 120_000
#: what sticks out of the screen, where the page can be scrolled sideways
TOO_WIDE = """(() => {
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= room) return [];
  return [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > room)
    .map((one) => `${one.outerHTML.slice(0, 120)} ${one.getBoundingClientRect().right}`);
})()"""
#: findings of axe-core that must not be there
SERIOUS = {"serious", "critical"}


@dataclass
class Seen:
    """A browser's context, and what went wrong in it."""

    context: object
    label: str
    faults: list = field(default_factory=list)
    #: where a request may go to
    home: str = "file:"

    def page(self):
        page = self.context.new_page()
        page.on("console", lambda message: self.faults.append(f"console: {message.text} ({page.url})"))
        page.on("pageerror", lambda error: self.faults.append(f"error: {error} ({page.url})"))
        page.on("requestfailed", lambda request: self.faults.append(f"failed: {request.url} {request.failure}"))
        page.on("response", lambda answer: answer.ok or self.faults.append(f"status {answer.status}: {answer.url}"))
        page.on("request", lambda request: self.allow(request.url))
        return page

    def allow(self, url):
        if not url.startswith((self.home, "data:")):
            self.faults.append(f"outside: {url}")

    def look(self, page, name, axe):
        """Judge and picture what a page shows now."""
        page.wait_for_load_state("load")
        assert page.locator("h1").count() == 1, name
        wide = page.evaluate(TOO_WIDE)
        assert wide == [], f"{name}, {self.label}: too wide: {wide}"
        if folder := os.environ.get("CE_NAS_TEST_SHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=f"{folder}/{name}-{self.label}.png", full_page=True)
        if axe:
            found = page.evaluate(f"{axe}; axe.run(document, {{resultTypes: ['violations']}})")["violations"]
            grave = [
                f"{one['id']}: {one['nodes'][0]['html'][:200]} {one['nodes'][0]['failureSummary']}"
                for one in found
                if one["impact"] in SERIOUS
            ]
            assert not grave, f"{name}, {self.label}: {grave}"


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    with (
        sync_api.sync_playwright() as driver,
        driver.chromium.launch(executable_path=chromium, args=ARGUMENTS) as opened,
    ):
        yield opened


AXE = Path(os.environ.get("CE_NAS_TEST_AXE", f"{sys.prefix}/axe/axe.min.js"))


@pytest.fixture(scope="module")
def axe():
    """The source of axe-core; nothing where it is not to be had."""
    return AXE.read_text() if AXE.is_file() else ""


def test_accessibility_is_judged():
    if not AXE.is_file():
        pytest.skip(f"no axe-core at {AXE}, so that accessibility is not judged; get it with: npm pack axe-core")
    assert "axe.run" in AXE.read_text()


@pytest.fixture(scope="module")
def going(folder, tmp_path_factory):
    """A run that stands still half-way, and can be resumed."""
    runs = tmp_path_factory.mktemp("live") / "live"
    shutil.copytree(folder / "killed", runs / "going")
    return runs / "going"


@pytest.fixture(scope="module")
def address(folder, going, piloted, outlooks):
    """A server in a thread: in a process of its own it would wait for whatever else this machine is at."""
    runs = Runs([folder, going.parent])
    runs.listing(600.0)  # on a busy machine the first page would list only those that were read in a second
    dashboard = Dashboard(runs, Access(), outlooks)
    dashboard._pilots.of = lambda *_: piloted  # simulating one takes longer than all of these tests
    options = uvicorn.Config(dashboard, log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=1)
    server = uvicorn.Server(options)
    with closing(socket.create_server(("127.0.0.1", 0))) as door:
        thread = threading.Thread(target=server.run, args=([door],))
        thread.start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}/"
        server.should_exit = True
        thread.join()
    dashboard.close()


@pytest.fixture
def open_as(browser):
    """Opens a context in a language and a size of screen; nothing may have gone wrong in it at the end."""
    opened = []

    def make(language, size, home="file:", **options):
        viewport = {"width": size[0], "height": size[1]}
        options = {"has_touch": size == PHONE, "locale": {"en": "en-GB", "ja": "ja-JP"}[language], **options}
        label = f"{language}-{'phone' if size == PHONE else 'desktop'}"
        seen = Seen(browser.new_context(viewport=viewport, **options), label, home=home)
        seen.context.set_default_timeout(WAIT_MS)
        opened.append(seen)
        return seen

    yield make
    for seen in opened:
        seen.context.close()
    assert [fault for seen in opened for fault in seen.faults] == []


@dataclass
class Tour:
    """One way through the pages, in a language."""

    seen: Seen
    page: object
    words: Words
    axe: str

    def look(self, name):
        self.seen.look(self.page, name, self.axe)

    def follow(self, key):
        self.page.get_by_role("link", name=self.words(key), exact=True).first.click()

    def press(self, key):
        self.page.get_by_role("button", name=self.words(key)).click()

    def fill(self, **fields):
        for name, text in fields.items():
            self.page.locator(f'[name="{name}"]').fill(text)

    def a_run(self):
        """From the list to one run: it is found, looked at, unfolded and copied from."""
        self.look("runs")
        self.fill(q="lamoo")
        self.press("board.find.do")
        assert self.page.locator("#runs tbody tr").count() == 3
        self.page.get_by_role("link", name="runs/wind").click()
        self.page.get_by_text(self.words("rule.oracle"), exact=True).first.wait_for()  # when it is worked out
        self.look("run")
        self.page.locator("#hours summary").click()
        self.page.locator("#answer button.copy").click()

    def its_reasons(self):
        """Why: the whole run, an architecture, an hour, and a question that makes no sense."""
        self.follow("board.why")
        self.look("explain")
        self.page.locator("#front-links summary").click()
        self.page.locator("#front-links a").first.click()
        self.look("explain-architecture")
        self.fill(what="", hour="3")
        self.press("board.why.ask")
        self.look("explain-hour")
        self.fill(what="nonsense", hour="")
        self.press("board.why.ask")
        self.page.get_by_role("alert").wait_for()
        self.look("explain-problem")

    def many_runs(self):
        """Three runs are chosen and compared."""
        self.follow("board.page.compare")
        self.look("compare-choice")
        for name in ("runs~wind", "runs~deep~solar", "live~going"):
            self.page.locator(f'input[value="{name}"]').check()
        self.press("board.compare.chosen")
        self.look("compare")

    def forms(self):
        """The best hours for a job, and a pilot."""
        self.follow("board.page.zones")
        self.page.locator("select").select_option("solar")
        self.fill(hours="6")
        self.press("board.zones.find")
        self.look("zones")
        assert self.page.locator("select").input_value() == "solar"
        self.follow("board.page.pilot")
        self.look("pilot-form")
        self.fill(electricity_price="0.3")
        self.press("board.pilot.go")
        self.page.locator("#plan").wait_for()
        self.look("pilot")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_page_of_the_dashboard_is_clicked_through(open_as, address, axe, language, size):
    seen = open_as(language, size, address)
    tour = Tour(seen, seen.page(), Words(language), axe if (language, size) in JUDGED else "")
    tour.page.goto(address)
    assert tour.page.evaluate("document.documentElement.lang") == language
    tour.a_run()
    tour.its_reasons()
    tour.many_runs()
    tour.forms()
    tour.page.get_by_role("link", name="CE-NAS", exact=True).click()
    other, lang = {"en": ("日本語", "ja"), "ja": ("English", "en")}[language]
    tour.page.get_by_role("link", name=other).click()
    assert tour.page.evaluate("document.documentElement.lang") == lang
    tour.page.get_by_role("link", name=Words(lang)("board.page.zones"), exact=True).first.click()
    assert tour.page.locator("h1").text_content() == Words(lang)("board.zones.title")


def test_the_runs_are_sorted_by_a_click(open_as, address):
    page = open_as("en", DESKTOP, address).page()
    page.goto(address)
    page.get_by_role("link", name="CO2eq").click()
    assert page.locator("[aria-sort]").get_attribute("aria-sort") == "descending"
    page.get_by_role("link", name="CO2eq").click()
    assert page.locator("[aria-sort]").get_attribute("aria-sort") == "ascending"


def test_what_is_not_there_is_a_page_too(open_as, address, axe):
    seen = open_as("en", DESKTOP, address)
    page = seen.page()
    assert page.goto(f"{address}run/nothing").status == 404
    seen.look(page, "error", axe)
    said = [fault for fault in seen.faults if "404" in fault]
    assert len(said) == len(seen.faults) == 2  # the browser says it, and we noticed
    seen.faults.clear()


def test_it_works_without_javascript(open_as, address):
    seen = open_as("en", DESKTOP, address, java_script_enabled=False)
    page = seen.page()
    page.goto(f"{address}run/live~going")
    assert page.locator("noscript").is_visible()
    page.get_by_role("link", name="Why it did what it did").click()
    page.locator('[name="hour"]').fill("1")
    page.get_by_role("button", name="Explain").click()
    assert "in hour 1" in page.locator("h1").text_content()
    page.goto(address)
    for name in ("runs~wind", "runs~killed"):
        page.locator(f'input[value="{name}"]').check()
    page.get_by_role("button", name="Compare the chosen runs").click()
    page.locator("#figure-beside-grams svg").wait_for()


def test_pointing_at_a_figure_shows_its_numbers(open_as, address):
    page = open_as("en", DESKTOP, address).page()
    page.goto(f"{address}run/runs~deep~solar")
    target = page.locator("#figure-activity [data-hint]").first
    target.scroll_into_view_if_needed()
    page.wait_for_timeout(300)  # scrolling hides what was said
    target.hover()
    page.locator("#tip").wait_for(state="visible")
    assert "CO2eq" in page.locator("#tip").text_content()


def test_a_run_that_goes_on_is_followed_without_a_reload(open_as, address, going):
    """Last, for it ends the run that others see half-way."""
    page = open_as("en", DESKTOP, address).page()
    page.goto(f"{address}run/live~going")
    page.evaluate("window.stayed = true")
    page.locator("#settings summary").click()
    assert page.locator("#budgets p").first.text_content() == "The run has not ended."
    running = threading.Thread(target=resume, args=(going,))
    running.start()
    first = page.locator("#budgets p").first
    sync_api.expect(first).not_to_have_text("The run has not ended.", timeout=WAIT_MS)
    running.join()
    page.locator("#saved table").wait_for(timeout=WAIT_MS)
    sync_api.expect(page.locator(".live")).to_have_count(0, timeout=WAIT_MS)
    assert page.evaluate("window.stayed")
    assert page.locator("#settings details").evaluate("one => one.open")


@pytest.fixture(scope="module")
def static_pages(folder, piloted, tmp_path_factory):
    """The pages that commands write into files."""
    place = tmp_path_factory.mktemp("static")
    entries = read_run(folder / "wind")
    space, saved = space_of(entries), counterfactual_of(entries)
    strategies = [Strategy("all-evaluation", "uniform"), Strategy("heuristic", "uniform")]
    found = compare(strategies, ["solar"], [0, 1], {"hours": 3, "gpus": 2}, processes=1)
    figure = Figure()
    figure.subplots().plot([1, 2], [3, 4])
    rows = [(f"a strategy of some length, number {number}", "1.5 [1.2, 1.9]", "1,234") for number in range(4)]
    report = Report("An experiment", {}, [Table("Grams", ("who", "kg CO2eq", "trainings"), rows)], {}, ["A note."])
    drawn = place / "drawing.svg"
    figure.savefig(drawn)
    pages = {
        (name, language): make(Words(language))
        for language in ("en", "ja")
        for name, make in {
            "static-report": lambda words: run_page(entries, words, saved),
            "static-compare": lambda words: comparison_page(found, words),
            "static-bench": lambda words: experiment_page(report, {"drawing": drawn.read_bytes()}, words),
            "static-explain": lambda words: explain_run(entries, space, words),
            "static-hour": lambda words: explain_hour(entries, 3, words),
        }.items()
    }
    for language in ("en", "ja"):
        (place / f"static-decision-{language}.html").write_text(decision_html(piloted, Words(language)))
    for (name, language), page in pages.items():
        (place / f"{name}-{language}.html").write_text(html(page))
    return place


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_page_that_a_command_writes(open_as, static_pages, axe, language, size):
    seen = open_as(language, size)
    page = seen.page()
    axe = axe if (language, size) in JUDGED else ""
    for name in ("report", "compare", "bench", "explain", "hour", "decision"):
        page.goto((static_pages / f"static-{name}-{language}.html").as_uri())
        seen.look(page, f"static-{name}", axe)
