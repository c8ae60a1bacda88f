import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from ce_nas.apps.dashboard.security import SECURITY_HEADERS, TOKEN_COOKIE, AccessRules, SecurityMiddleware

TOKEN = "a-token-of-some-length"


def client(access, **options):
    def refuse(status, key, scope):
        return PlainTextResponse(key, status)

    middleware = SecurityMiddleware(PlainTextResponse("the page"), access, refuse)
    return TestClient(middleware, base_url="http://localhost", follow_redirects=False, **options)


@pytest.mark.parametrize("host", ["localhost", "localhost:8765", "LOCALHOST", "127.0.0.1:1", "[::1]:80", "10.1.2.3"])
def test_known_hosts_and_ip_addresses_are_accepted(host):
    assert client(AccessRules()).get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "localhost.evil.example", "", "::1]:80"])
def test_unknown_hosts_are_refused(host):
    response = client(AccessRules()).get("/", headers={"host": host})
    assert (response.status_code, response.text) == (421, "board.error.host")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_only_reading_methods_are_allowed(method):
    assert client(AccessRules()).request(method, "/").status_code == 405


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
def test_another_site_may_link_but_not_load(site, mode, status):
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode}
    assert client(AccessRules()).get("/", headers=headers).status_code == status


def test_every_response_has_security_headers():
    for path, access in (
        ("/", AccessRules()),
        ("/", AccessRules(token=TOKEN)),
        ("/?token=" + TOKEN, AccessRules(token=TOKEN)),
    ):
        response = client(access).get(path)
        assert {name: response.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    policy = SECURITY_HEADERS["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_without_the_token_only_assets_are_served():
    browser = client(AccessRules(token=TOKEN))
    assert browser.get("/").status_code == 401
    assert browser.get("/run/x/summary.json").status_code == 401
    assert browser.get("/?token=wrong").status_code == 401
    assert browser.get("/?token=").status_code == 401
    assert browser.get("/", headers={"authorization": "Bearer wrong"}).status_code == 401
    assert browser.get("/", headers={"authorization": f"Basic {TOKEN}"}).status_code == 401
    assert browser.get("/", headers={"cookie": "\x00;=;;" + TOKEN_COOKIE}).status_code == 401
    assert browser.get("/static/style.css").status_code == 200


def test_the_token_is_accepted_as_header_and_cookie():
    browser = client(AccessRules(token=TOKEN))
    assert browser.get("/", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert browser.get("/", headers={"cookie": f"{TOKEN_COOKIE}={TOKEN}"}).status_code == 200


def test_a_token_in_the_address_becomes_a_cookie():
    browser = client(AccessRules(token=TOKEN))
    response = browser.get(f"/run/a?x=1&token={TOKEN}&y=%26")
    assert (response.status_code, response.headers["location"]) == (303, "/run/a?x=1&y=%26")
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert browser.get("/run/a").text == "the page"


def test_the_cookie_is_secure_over_tls():
    response = TestClient(
        SecurityMiddleware(PlainTextResponse(""), AccessRules(token=TOKEN), lambda *_: None),
        base_url="https://localhost", follow_redirects=False,
    ).get(f"/?token={TOKEN}")  # fmt: skip
    assert "Secure" in response.headers["set-cookie"]


@pytest.mark.parametrize("path", ["//evil.example/a", "/\\evil.example", "/%2f/evil.example"])
def test_a_redirect_stays_on_this_server(path):
    response = client(AccessRules(token=TOKEN)).get(f"http://localhost{path}?token={TOKEN}")
    location = response.headers["location"]
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))


def test_the_token_is_compared_in_constant_time(monkeypatch):
    compared = []
    monkeypatch.setattr("hmac.compare_digest", lambda one, two: compared.append((one, two)) or one == two)
    assert AccessRules(token=TOKEN).is_valid_token(TOKEN)
    assert not AccessRules(token=TOKEN).is_valid_token("é")
    assert not AccessRules(token=TOKEN).is_valid_token(None)
    assert len(compared) == 3
    assert AccessRules().is_valid_token(None)
