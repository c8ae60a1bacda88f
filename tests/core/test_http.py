"""HTTP requests: the fault of each failure, retries, limits and the proxy."""

from datetime import UTC, datetime

import pytest

pytest.importorskip("httpx", reason="needs the extra 'live'")
pytest.importorskip("tenacity", reason="needs the extra 'live'")

import httpx

from ce_nas.core.errors import SettingsError
from ce_nas.core.http import RETRYABLE_FAULTS, Fault, HttpClient, HttpOptions, default_transport
from ce_nas.core.retry import RetryableError, RetryPolicy

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


class RequestError(RetryableError):
    def __init__(self, fault, detail, *, retry_after_s=None):
        super().__init__(detail)
        self.fault, self.retryable, self.retry_after_s = fault, fault in RETRYABLE_FAULTS, retry_after_s


@pytest.fixture
def client():
    """A client of a server with these responses, the last one for ever; its requests, and the waits between them."""

    def client(*responses, max_attempts=3, **options):
        left, requests, waits = list(responses), [], []

        def respond(request):
            requests.append(request)
            response = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(response, Exception):
                raise response
            status, headers, text = response
            return httpx.Response(status, headers=headers, text=text)

        http = HttpOptions(httpx.MockTransport(respond), retry_policy=RetryPolicy(max_attempts), sleep=waits.append)
        return HttpClient("https://grid.example/v1", RequestError, http, now=lambda: NOW, **options), requests, waits

    return client


def get_text(client, path="/now", **parts):
    def request():
        with client.stream(path, **parts) as response:
            text = client.read_text(response)
        client.check_status(response, path, excerpt=text)
        return text

    return client.retry(request)


def test_request_has_path_params_and_headers(client):
    http, requests, waits = client((200, {}, "\ufeffseven"))
    assert get_text(http, params={"zone": "A B"}, headers={"x": "y"}) == "seven"
    assert str(requests[0].url) == "https://grid.example/v1/now?zone=A+B"
    assert requests[0].headers["x"] == "y"
    assert waits == []


@pytest.mark.parametrize("path", ["", "/file.bin?version=2"])
def test_address_without_params_is_kept(client, path):
    http, requests, _ = client((200, {}, "x"))
    get_text(http, path)
    assert str(requests[0].url) == f"https://grid.example/v1{path}"


@pytest.mark.parametrize(
    ("response", "fault", "n_requests"),
    [
        ((500, {}, "oh"), Fault.SERVER_ERROR, 3),
        ((408, {}, "slow"), Fault.SERVER_ERROR, 3),
        ((401, {}, "who?"), Fault.UNAUTHORIZED, 1),
        ((403, {}, "no"), Fault.UNAUTHORIZED, 1),
        ((404, {}, "where?"), Fault.REJECTED, 1),
        ((302, {"location": "https://elsewhere.example"}, ""), Fault.REJECTED, 1),
        ((429, {"retry-after": "900"}, "later"), Fault.RATE_LIMITED, 1),
        (httpx.ConnectError("no"), Fault.UNREACHABLE, 3),
        (httpx.ReadTimeout("late"), Fault.TIMEOUT, 3),
        (httpx.RemoteProtocolError("cut"), Fault.CONNECTION_LOST, 3),
    ],
)
def test_failure_has_fault_and_number_of_attempts(client, response, fault, n_requests):
    http, requests, _ = client(response)
    with pytest.raises(RequestError) as caught:
        get_text(http)
    assert caught.value.fault is fault
    assert len(requests) == n_requests


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [("7", 7.0), ("Wed, 01 May 2024 12:00:09 GMT", 9.0), ("Wed, 01 May 2024 11:00:00 GMT", 0.0), ("soon", 1.0)],
)
def test_retry_after_is_a_number_or_a_date(client, header, wait_s):
    http, _, waits = client((503, {"retry-after": header}, "busy"), (200, {}, "x"))
    assert get_text(http) == "x"
    assert waits == [wait_s]


def test_response_over_size_limit_is_malformed(client, monkeypatch):
    monkeypatch.setattr("ce_nas.core.http.MAX_RESPONSE_BYTES", 100)
    http, *_ = client((200, {}, "x" * 101), max_attempts=1)
    with pytest.raises(RequestError) as caught:
        get_text(http)
    assert caught.value.fault is Fault.MALFORMED


def test_redirect_is_followed_only_if_allowed_and_over_https(client):
    moved = (302, {"location": "https://elsewhere.example/now"}, "")
    http, requests, _ = client(moved, (200, {}, "x"), max_redirects=2)
    assert get_text(http) == "x"
    assert requests[-1].url.host == "elsewhere.example"
    for location in ("http://elsewhere.example/now", "ftp://elsewhere.example/now", "https://grid.example/v1/now"):
        http, *_ = client((302, {"location": location}, ""), (200, {}, "x"), max_redirects=2)
        if location.startswith("https"):
            http, *_ = client((302, {"location": location}, ""), max_redirects=2)
        with pytest.raises(RequestError) as caught:
            get_text(http)
        assert caught.value.fault is Fault.REJECTED


@pytest.mark.parametrize("url", ["ftp://host/file.bin", "no address", "http://host:port/", "https://", ""])
def test_invalid_address_is_rejected(url):
    with pytest.raises(SettingsError, match="an address such as"):
        HttpClient(url, RequestError)


@pytest.mark.parametrize("no_proxy", ["", "example.org"])
def test_proxy_of_the_environment_is_used(monkeypatch, no_proxy):
    proxies = []
    monkeypatch.setattr(httpx, "HTTPTransport", lambda **options: proxies.append(options["proxy"]))
    monkeypatch.setenv("https_proxy", "http://proxy.example.org:3128")
    monkeypatch.setenv("no_proxy", no_proxy)
    default_transport("example.org")
    assert proxies == [None if no_proxy else "http://proxy.example.org:3128"]
