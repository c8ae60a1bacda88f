import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from ce_nas.apps.dashboard.security import COOKIE, HEADERS, Access, Guard

TOKEN = "a-token-of-some-length"


def client(access, **options):
    def refuse(status, key, scope):
        return PlainTextResponse(key, status)

    guard = Guard(PlainTextResponse("the page"), access, refuse)
    return TestClient(guard, base_url="http://localhost", follow_redirects=False, **options)


@pytest.mark.parametrize("host", ["localhost", "localhost:8765", "LOCALHOST", "127.0.0.1:1", "[::1]:80", "10.1.2.3"])
def test_the_names_of_this_server_and_addresses_are_answered(host):
    assert client(Access()).get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "localhost.evil.example", "", "::1]:80"])
def test_another_name_that_leads_here_is_turned_away(host):
    found = client(Access()).get("/", headers={"host": host})
    assert (found.status_code, found.text) == (421, "board.error.host")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_but_reading_is_allowed(method):
    assert client(Access()).request(method, "/").status_code == 405


@pytest.mark.parametrize(
    ("site", "mode", "status"),
    [
        ("cross-site", "no-cors", 403),
        ("cross-site", "cors", 403),
        ("cross-site", "navigate", 200),
        ("same-origin", "cors", 200),
        ("none", "navigate", 200),
    ],
)
def test_another_site_may_lead_here_but_not_load_from_here(site, mode, status):
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode}
    assert client(Access()).get("/", headers=headers).status_code == status


def test_every_answer_holds_the_browser_back():
    for path, access in (("/", Access()), ("/", Access(token=TOKEN)), ("/?token=" + TOKEN, Access(token=TOKEN))):
        found = client(access).get(path)
        assert {name: found.headers[name] for name in HEADERS} == HEADERS
    policy = HEADERS["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_without_the_token_there_is_nothing_but_looks():
    asking = client(Access(token=TOKEN))
    assert asking.get("/").status_code == 401
    assert asking.get("/run/x/summary.json").status_code == 401
    assert asking.get("/?token=wrong").status_code == 401
    assert asking.get("/?token=").status_code == 401
    assert asking.get("/", headers={"authorization": "Bearer wrong"}).status_code == 401
    assert asking.get("/", headers={"authorization": f"Basic {TOKEN}"}).status_code == 401
    assert asking.get("/", headers={"cookie": "\x00;=;;" + COOKIE}).status_code == 401
    assert asking.get("/static/style.css").status_code == 200


def test_the_token_opens_as_header_and_as_cookie():
    asking = client(Access(token=TOKEN))
    assert asking.get("/", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert asking.get("/", headers={"cookie": f"{COOKIE}={TOKEN}"}).status_code == 200


def test_a_token_in_an_address_becomes_a_cookie_and_leaves_the_address():
    asking = client(Access(token=TOKEN))
    found = asking.get(f"/run/a?x=1&token={TOKEN}&y=%26")
    assert (found.status_code, found.headers["location"]) == (303, "/run/a?x=1&y=%26")
    cookie = found.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert asking.get("/run/a").text == "the page"


def test_over_tls_the_cookie_stays_there():
    found = TestClient(
        Guard(PlainTextResponse(""), Access(token=TOKEN), lambda *_: None),
        base_url="https://localhost", follow_redirects=False,
    ).get(f"/?token={TOKEN}")  # fmt: skip
    assert "Secure" in found.headers["set-cookie"]


@pytest.mark.parametrize("path", ["//evil.example/a", "/\\evil.example", "/%2f/evil.example"])
def test_a_redirect_never_leads_elsewhere(path):
    found = client(Access(token=TOKEN)).get(f"http://localhost{path}?token={TOKEN}")
    location = found.headers["location"]
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))


def test_the_token_is_compared_in_constant_time(monkeypatch):
    compared = []
    monkeypatch.setattr("hmac.compare_digest", lambda one, two: compared.append((one, two)) or one == two)
    assert Access(token=TOKEN).lets_in(TOKEN)
    assert not Access(token=TOKEN).lets_in("é")
    assert not Access(token=TOKEN).lets_in(None)
    assert len(compared) == 3
    assert Access().lets_in(None)
