"""Requests of any kind to any page: an answer of ours, never a failure, another file, or a script of the sender.

``CE_NAS_TORTURE_INPUTS`` sets the number of requests.
"""

import os
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ce_nas.api import Search
from ce_nas.config.schema import settings_from_flags

pytest.importorskip("starlette", reason="starlette is not installed (extra dashboard)")
testclient = pytest.importorskip("starlette.testclient", reason="httpx is not installed (extra live)")

from ce_nas.apps.dashboard.app import Dashboard  # noqa: E402 - after what it needs
from ce_nas.apps.dashboard.run_folders import RunIndex  # noqa: E402
from ce_nas.apps.dashboard.security import SECURITY_HEADERS, TOKEN_COOKIE, AccessRules  # noqa: E402
from ce_nas.apps.dashboard.zone_forecast import ZoneForecasts  # noqa: E402

REQUESTS = int(os.environ.get("CE_NAS_TORTURE_INPUTS", "60"))
TOKEN = "the-token-of-this-server"
SECRET = "content-of-a-file-outside"
SCRIPT = "<script>alert(1)</script>"
NAMES = ["runs~wind", "..", "../secret", "..%2fsecret", "/etc/passwd", "runs~wind/../../secret", SCRIPT, "a\x00b", "é"]


class NoZones(ZoneForecasts):
    """Forecasts that take no time."""

    def _compute_forecast(self, name, hour):
        return f"no data of {name}"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    root = tmp_path_factory.mktemp("hostile")
    (root / "secret").write_text(SECRET)
    (root / "runs").mkdir()
    flags = {"hours": 2, "gpus": 2, "searcher": "random", "policy": "vanilla", "seed": 1}
    Search.from_settings(settings_from_flags(**flags)).run(root / "runs" / "wind")
    (root / "runs" / "link").symlink_to(root / "secret")
    dashboard = Dashboard(RunIndex([root / "runs"]), AccessRules(), NoZones({}))
    # a form with its token would simulate for minutes
    dashboard._pilot_queue.get_or_start = dashboard._pilot_queue.find
    yield dashboard
    dashboard.close()


@pytest.fixture(scope="module")
def browser(pages):
    """Raises what a page raises: no failure hides behind status 500."""
    return testclient.TestClient(pages, base_url="http://localhost", follow_redirects=False)


names = st.sampled_from(NAMES) | st.text(max_size=12)
paths = st.one_of(
    st.sampled_from(["/", "/compare", "/zones", "/pilot", "/pilot/decision.html", "/metrics", "/nothing"]),
    st.builds("/run/{}{}".format, names.map(lambda name: quote(name, safe="/%.~")),
              st.sampled_from(["", "/explain", "/report.html", "/summary.json", "/journal.sqlite"])),
    st.builds("/static/{}".format, names.map(lambda name: quote(name, safe="/%."))),
)  # fmt: skip
keys = st.sampled_from(
    ["q", "sort", "lang", "run", "zone", "hours", "within", "gpus", "what", "hour", "token", "electricity_price", "go"]
)
queries = st.lists(st.tuples(keys, names | st.integers(-(10**20), 10**20).map(str)), max_size=5)
headers = st.dictionaries(
    st.sampled_from(["accept-language", "cookie", "if-none-match", "authorization", "x-forwarded-host", "referer"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30), max_size=3,
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=REQUESTS, deadline=None, suppress_health_check=list(HealthCheck))
@example(path="/run/..%2f..%2fsecret", query=[], more={})
@example(path="/run/runs~link", query=[], more={})
@example(path="/static/..%2f..%2fapp.py", query=[], more={})
@example(path="/", query=[("q", SCRIPT), ("sort", SCRIPT), ("lang", SCRIPT)], more={"accept-language": SCRIPT})
@example(path="/compare", query=[("run", SCRIPT)], more={})
@example(path="/zones", query=[("zone", SCRIPT)], more={})
@example(path="/run/runs~wind/explain", query=[("what", SCRIPT)], more={"cookie": "lang=" + SCRIPT})
@given(path=paths, query=queries, more=headers)
def test_any_request_is_answered_in_words(browser, path, query, more):
    found = browser.get(path, params=query, headers=more)
    assert found.status_code in {200, 303, 304, 400, 404, 422}
    assert SECRET not in found.text
    assert "Traceback" not in found.text
    assert SCRIPT not in found.text
    assert {name: found.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert found.headers.get("access-control-allow-origin") is None


@pytest.mark.slow
@settings(max_examples=REQUESTS, deadline=None, suppress_health_check=list(HealthCheck))
@given(path=paths, query=queries, more=headers)
def test_without_the_token_no_request_sees_a_page(pages, path, query, more):
    pages._app._access = AccessRules(token=TOKEN)
    try:
        browser = testclient.TestClient(pages, base_url="http://localhost", follow_redirects=False)
        found = browser.get(path, params=query, headers=more)
        assert found.status_code == 401 or found.request.url.path.startswith("/static/")
        assert TOKEN not in found.text
        known = browser.get("/", headers={"cookie": f"{TOKEN_COOKIE}={TOKEN}"})
        assert known.status_code == 200
    finally:
        pages._app._access = AccessRules()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "X"])
def test_no_method_changes_anything(browser, method):
    assert browser.request(method, "/run/runs~wind").status_code == 405
