import pytest
from starlette.requests import Request
from starlette.responses import Response

from ce_nas.apps.dashboard.locale import COOKIE, accepted, language_of_request, remember


def request(query="", cookie="", accept=""):
    headers = [(b"cookie", cookie.encode()), (b"accept-language", accept.encode())]
    return Request({"type": "http", "query_string": query.encode(), "headers": headers})


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("ja", "ja"),
        ("ja-JP,ja;q=0.9,en;q=0.8", "ja"),
        ("en-GB,ja;q=0.3", "en"),
        ("de, ja;q=0.7, en;q=0.5", "ja"),
        ("fr", "en"),
        ("ja;q=0, en;q=0.1", "en"),
        ("ja;q=much", "en"),
    ],
)
def test_the_browsers_favourite_of_those_there_are(header, language):
    assert accepted(header) == language


def test_the_page_goes_over_the_cookie_over_the_server_over_the_browser():
    every = {"query": "lang=ja", "cookie": f"{COOKIE}=en", "accept": "en"}
    assert language_of_request(request(**every), "en") == "ja"
    assert language_of_request(request(cookie=f"{COOKIE}=ja", accept="en"), "en") == "ja"
    assert language_of_request(request(accept="en"), "ja") == "ja"
    assert language_of_request(request(accept="ja"), None) == "ja"
    assert language_of_request(request(query="lang=xx", cookie=f"{COOKIE}=yy"), None) == "en"


def test_a_choice_is_remembered_and_nonsense_is_not():
    for query, kept in (("lang=ja", True), ("lang=xx", False), ("", False)):
        response = Response()
        remember(request(query), response)
        assert ("set-cookie" in response.headers) == kept
