"""Every page in Debian's Chromium: clicked through, on a desktop and a phone, in both languages.

Set ``CE_NAS_TEST_SHOTS`` to a folder to save a screenshot of every page. Accessibility is checked by axe-core, which is
in ``axe/`` of the environment that runs the tests, or where ``CE_NAS_TEST_AXE`` says.

A click that leads to another page goes through :func:`follow`, and JavaScript through :func:`evaluate`: both wait until
the page is loaded, so that nothing is read from a page that is being replaced, however busy the machine is.
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

from ce_nas.analysis.counterfactual import counterfactual_from_journal
from ce_nas.analysis.explanation import space_from_journal
from ce_nas.api import resume
from ce_nas.apps.dashboard import page_cache as cache
from ce_nas.apps.dashboard.app import Dashboard
from ce_nas.apps.dashboard.run_folders import RunIndex
from ce_nas.apps.dashboard.security import AccessRules
from ce_nas.apps.pilot.paper import decision_html
from ce_nas.core.clock import utc_now
from ce_nas.experiments.base import ExperimentReport
from ce_nas.experiments.output import experiment_page
from ce_nas.experiments.strategies import combine
from ce_nas.experiments.sweep import run_sweep, sweep_page
from ce_nas.report.explanation_pages import build_hour_page, build_run_page
from ce_nas.report.html import render_html
from ce_nas.report.i18n.translator import Translator
from ce_nas.report.page import ReportTable
from ce_nas.report.run_report import build_run_report
from ce_nas.store.run_dir import read_run_entries

Figure = pytest.importorskip("matplotlib.figure", reason="matplotlib is not installed (extra plots)").Figure
uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed (extra dashboard)")
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHROMIUM_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-default-apps", "--disable-domain-reliability", "--no-first-run", "--no-default-browser-check",
    "--metrics-recording-only", "--no-pings",
]  # fmt: skip
DESKTOP, PHONE = (1280, 900), (390, 844)
#: accessibility is checked in these: the markup is the same in the others
CHECKED_BY_AXE = {("en", DESKTOP), ("ja", PHONE)}
#: timeout of what takes a second on an idle machine
TIMEOUT_MS = 120_000
#: times that JavaScript is evaluated again if the page was replaced during the evaluation
MAX_EVALUATIONS = 10
#: elements outside the screen, if the page can be scrolled sideways
FIND_OVERFLOW = """(() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  return [...document.querySelectorAll("body *")].filter((element) => element.getBoundingClientRect().right > width)
    .map((element) => `${element.outerHTML.slice(0, 120)} ${element.getBoundingClientRect().right}`);
})()"""
#: impact of violations of accessibility that fail a test
SERIOUS = {"serious", "critical"}


def evaluate(page, expression):
    """The value of a JavaScript expression on a loaded page; evaluated again if the page was replaced meanwhile."""
    for attempt in range(MAX_EVALUATIONS):
        page.wait_for_load_state("load")
        try:
            return page.evaluate(expression)
        except sync_api.Error as error:
            if "context was destroyed" not in str(error) or attempt == MAX_EVALUATIONS - 1:
                raise
    return None


def follow(locator):
    """Click what leads to another page, and wait until that page is loaded."""
    with locator.page.expect_navigation(wait_until="load"):
        locator.click()


def has_aborted_update(request):
    """Whether a request for an update ended because its page was left."""
    return request.resource_type == "fetch" and request.failure == "net::ERR_ABORTED"


@dataclass
class BrowserSession:
    """A browser's context, and the errors in it."""

    context: object
    label: str
    errors: list = field(default_factory=list)
    #: start of the addresses that requests may go to
    home: str = "file:"

    def open_page(self, address=None):
        page = self.context.new_page()
        page.on("console", lambda message: self.errors.append(f"console: {message.text} ({page.url})"))
        page.on("pageerror", lambda error: self.errors.append(f"error: {error} ({page.url})"))
        page.on("requestfailed", self.check_failure)
        page.on("response", lambda response: response.ok or self.errors.append(f"{response.status}: {response.url}"))
        page.on("request", self.check_address)
        if address:
            page.goto(address)
        return page

    def check_failure(self, request):
        if not has_aborted_update(request):
            self.errors.append(f"failed: {request.url} {request.failure}")

    def check_address(self, request):
        if not request.url.startswith((self.home, "data:")):
            self.errors.append(f"another server: {request.url}")

    def check(self, page, name, axe):
        """Check layout and accessibility of a page, and save a screenshot if wanted."""
        expect(page.locator("h1")).to_have_count(1)
        overflow = evaluate(page, FIND_OVERFLOW)
        assert overflow == [], f"{name}, {self.label}: too wide: {overflow}"
        if folder := os.environ.get("CE_NAS_TEST_SHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=f"{folder}/{name}-{self.label}.png", full_page=True)
        if axe:
            violations = evaluate(page, f"{axe}; axe.run(document, {{resultTypes: ['violations']}})")["violations"]
            serious = [
                f"{violation['id']}: {node['html'][:200]} {node['failureSummary']}"
                for violation in violations
                if violation["impact"] in SERIOUS
                for node in violation["nodes"][:1]
            ]
            assert not serious, f"{name}, {self.label}: {serious}"


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    with (
        sync_api.sync_playwright() as driver,
        driver.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS) as opened,
    ):
        yield opened


AXE = Path(os.environ.get("CE_NAS_TEST_AXE", f"{sys.prefix}/axe/axe.min.js"))


@pytest.fixture(scope="module")
def axe():
    """The source of axe-core; empty if it is not installed."""
    return AXE.read_text() if AXE.is_file() else ""


def test_axe_is_installed():
    if not AXE.is_file():
        pytest.skip(f"no axe-core at {AXE}, so that accessibility is not checked; get it with: npm pack axe-core")
    assert "axe.run" in AXE.read_text()


@pytest.fixture(scope="module")
def unfinished_run(run_root, tmp_path_factory):
    """A run that stopped half-way, and can be resumed."""
    runs = tmp_path_factory.mktemp("live") / "live"
    shutil.copytree(run_root / "killed", runs / "going")
    return runs / "going"


@pytest.fixture(scope="module")
def address(run_root, unfinished_run, pilot_result, zone_forecasts):
    """A server in a thread: a process at the lowest priority would wait for everything else on this machine."""
    run_index = RunIndex([run_root, unfinished_run.parent])
    run_index.list_runs(600.0)  # on a busy machine the first page would list only the runs that were read in a second
    for zone in zone_forecasts.zone_names():  # otherwise the page of the zones changes while it is looked at
        zone_forecasts.get(zone, utc_now())
    dashboard = Dashboard(run_index, AccessRules(), zone_forecasts)
    dashboard._pilot_queue.get_or_start = lambda *_: pilot_result  # a simulation takes longer than all of these tests
    config = uvicorn.Config(dashboard, log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    with pytest.MonkeyPatch.context() as patch, closing(socket.create_server(("127.0.0.1", 0))) as listener:
        patch.setattr(cache, "MAX_CACHE_TIME_S", cache.MIN_CACHE_TIME_S)  # a slow machine would cache for a minute
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        server.should_exit = True
        thread.join()
    dashboard.close()


@pytest.fixture
def open_session(browser):
    """Opens a context in a language and a size of screen; there must be no errors in it at the end."""
    sessions = []

    def open_in(language, size, home="file:", **options):
        viewport = {"width": size[0], "height": size[1]}
        options = {"has_touch": size == PHONE, "locale": {"en": "en-GB", "ja": "ja-JP"}[language], **options}
        label = f"{language}-{'phone' if size == PHONE else 'desktop'}"
        session = BrowserSession(browser.new_context(viewport=viewport, **options), label, home=home)
        session.context.set_default_timeout(TIMEOUT_MS)
        sessions.append(session)
        return session

    expect.set_options(timeout=TIMEOUT_MS)
    yield open_in
    for session in sessions:
        session.context.close()
    assert [error for session in sessions for error in session.errors] == []


@dataclass
class Tour:
    """One way through the pages, in a language."""

    session: BrowserSession
    page: object
    translate: Translator
    axe: str

    def check(self, name):
        self.session.check(self.page, name, self.axe)

    def follow_link(self, key):
        follow(self.page.get_by_role("link", name=self.translate(key), exact=True).first)

    def submit(self, key):
        follow(self.page.get_by_role("button", name=self.translate(key)))

    def fill(self, **fields):
        for name, text in fields.items():
            self.page.locator(f'[name="{name}"]').fill(text)

    def visit_run(self):
        """From the list to one run: filter, open, unfold and copy."""
        self.check("runs")
        self.fill(q="lamoo")
        self.submit("board.find.do")
        expect(self.page.locator("#runs tbody tr")).to_have_count(3)
        follow(self.page.get_by_role("link", name="runs/wind"))
        oracle = self.page.get_by_text(self.translate("rule.oracle"), exact=True)
        oracle.first.wait_for(state="attached")  # once it is computed
        self.check("run")
        self.page.locator("#hours summary").click()
        self.page.locator("#answer button.copy").click()

    def visit_explanations(self):
        """The whole run, an architecture, an hour, and an invalid question."""
        self.follow_link("board.why")
        self.check("explain")
        self.page.locator("#front-links summary").click()
        follow(self.page.locator("#front-links a").first)
        self.check("explain-architecture")
        self.fill(what="", hour="3")
        self.submit("board.why.ask")
        self.check("explain-hour")
        self.fill(what="nonsense", hour="")
        self.submit("board.why.ask")
        self.page.get_by_role("alert").wait_for()
        self.check("explain-problem")

    def visit_comparison(self):
        """Three runs are selected and compared."""
        self.follow_link("board.page.compare")
        self.check("compare-choice")
        for name in ("runs~wind", "runs~deep~solar", "live~going"):
            self.page.locator(f'input[value="{name}"]').check()
        self.submit("board.compare.chosen")
        self.check("compare")

    def visit_forms(self):
        """The best hours for a job, and a pilot."""
        self.follow_link("board.page.zones")
        self.page.locator("select").select_option("solar")
        self.fill(hours="6")
        self.submit("board.zones.find")
        self.check("zones")
        expect(self.page.locator("select")).to_have_value("solar")
        self.follow_link("board.page.pilot")
        self.check("pilot-form")
        self.fill(electricity_price="0.3")
        self.submit("board.pilot.go")
        self.page.locator("#plan").wait_for()
        self.check("pilot")


@pytest.mark.long
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_dashboard_page_is_clicked_through(open_session, address, axe, language, size):
    session = open_session(language, size, address)
    page = session.open_page(address)
    tour = Tour(session, page, Translator(language), axe if (language, size) in CHECKED_BY_AXE else "")
    expect(page.locator("html")).to_have_attribute("lang", language)
    tour.visit_run()
    tour.visit_explanations()
    tour.visit_comparison()
    tour.visit_forms()
    follow(page.get_by_role("link", name="CE-NAS", exact=True))
    link, other = {"en": ("日本語", "ja"), "ja": ("English", "en")}[language]
    follow(page.get_by_role("link", name=link))
    expect(page.locator("html")).to_have_attribute("lang", other)
    follow(page.get_by_role("link", name=Translator(other)("board.page.zones"), exact=True).first)
    expect(page.locator("h1")).to_have_text(Translator(other)("board.zones.title"))


def test_a_click_on_a_column_sorts_the_runs(open_session, address):
    page = open_session("en", DESKTOP, address).open_page(address)
    for order in ("descending", "ascending"):
        follow(page.get_by_role("link", name="CO2eq"))
        expect(page.locator("[aria-sort]")).to_have_attribute("aria-sort", order)


def test_the_error_page(open_session, address, axe):
    session = open_session("en", DESKTOP, address)
    page = session.open_page()
    assert page.goto(f"{address}run/nothing").status == 404
    session.check(page, "error", axe)
    expected = [error for error in session.errors if "404" in error]
    assert len(expected) == len(session.errors) == 2  # one of the console, one of the response
    session.errors.clear()


def test_pages_work_without_javascript(open_session, address):
    page = open_session("en", DESKTOP, address, java_script_enabled=False).open_page(f"{address}run/live~going")
    expect(page.locator("noscript")).to_be_visible()
    follow(page.get_by_role("link", name="Explain the run"))
    page.locator('[name="hour"]').fill("1")
    follow(page.get_by_role("button", name="Explain"))
    expect(page.locator("h1")).to_contain_text("in hour 1")
    page.goto(address)
    for name in ("runs~wind", "runs~killed"):
        page.locator(f'input[value="{name}"]').check()
    follow(page.get_by_role("button", name="Compare selected runs"))
    page.locator("#figure-compared-carbon svg").wait_for()


def test_hovering_over_a_figure_shows_its_values(open_session, address):
    page = open_session("en", DESKTOP, address).open_page(f"{address}run/runs~deep~solar")
    target, tip = page.locator("#figure-activity [data-hint]").first, page.locator("#tip")
    target.scroll_into_view_if_needed()
    for _ in range(MAX_EVALUATIONS):  # a late scroll event hides the tip again
        page.mouse.move(0, 0)
        target.hover()
        page.wait_for_timeout(300)
        if tip.is_visible():
            break
    expect(tip).to_be_visible()
    expect(tip).to_contain_text("CO2eq")


@pytest.mark.long
def test_a_running_run_is_updated_without_a_reload(open_session, address, unfinished_run):
    """The last test of the dashboard: it ends the unfinished run of the others."""
    page = open_session("en", DESKTOP, address).open_page(f"{address}run/live~going")
    evaluate(page, "window.isSamePage = true")
    page.locator("#settings summary").click()
    stop_reason = page.locator("#budgets p").first
    expect(stop_reason).to_have_text("The run has not ended.")
    running = threading.Thread(target=resume, args=(unfinished_run,))
    running.start()
    expect(stop_reason).not_to_have_text("The run has not ended.")
    running.join()
    page.locator("#saved table").wait_for()
    expect(page.locator(".live")).to_have_count(0)
    assert evaluate(page, "window.isSamePage")
    expect(page.locator("#settings details")).to_have_attribute("open", "")


@pytest.fixture(scope="module")
def static_pages(run_root, pilot_result, tmp_path_factory):
    """The pages that commands write into files."""
    folder = tmp_path_factory.mktemp("static")
    entries = read_run_entries(run_root / "wind")
    space, counterfactual = space_from_journal(entries), counterfactual_from_journal(entries)
    strategies = [combine("vanilla", "random"), combine("hotcarbon", "random")]
    sweep = run_sweep(strategies, ["solar"], [0, 1], {"hours": 3, "gpus": 2}, processes=1)
    figure = Figure()
    figure.subplots().plot([1, 2], [3, 4])
    rows = [(f"a strategy of some length, number {number}", "1.5 [1.2, 1.9]", "1,234") for number in range(4)]
    report = ExperimentReport(
        "An experiment", {}, [ReportTable("Grams", ("who", "kg CO2eq", "trainings"), rows)], {}, ["A note."]
    )
    drawing = folder / "drawing.svg"
    figure.savefig(drawing)
    pages = {
        (name, language): build(Translator(language))
        for language in ("en", "ja")
        for name, build in {
            "static-report": lambda translate: build_run_report(entries, translate, counterfactual),
            "static-compare": lambda translate: sweep_page(sweep, translate),
            "static-bench": lambda translate: experiment_page(report, {"drawing": drawing.read_bytes()}, translate),
            "static-explain": lambda translate: build_run_page(entries, space, translate),
            "static-hour": lambda translate: build_hour_page(entries, 3, translate),
        }.items()
    }
    for language in ("en", "ja"):
        (folder / f"static-decision-{language}.html").write_text(decision_html(pilot_result, Translator(language)))
    for (name, language), page in pages.items():
        (folder / f"{name}-{language}.html").write_text(render_html(page))
    return folder


@pytest.mark.long
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_page_written_by_a_command(open_session, static_pages, axe, language, size):
    session = open_session(language, size)
    page = session.open_page()
    axe = axe if (language, size) in CHECKED_BY_AXE else ""
    for name in ("report", "compare", "bench", "explain", "hour", "decision"):
        page.goto((static_pages / f"static-{name}-{language}.html").as_uri())
        session.check(page, f"static-{name}", axe)
