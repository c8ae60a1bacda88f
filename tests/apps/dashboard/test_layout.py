import re

import pytest
from starlette.requests import Request
from starlette.responses import Response

from ce_nas.apps.dashboard.layout import (
    LANGUAGE_COOKIE,
    PageLayout,
    load_assets,
    negotiate_language,
    parse_accept_language,
    render_page,
    run_address,
    store_language_cookie,
)
from ce_nas.report.i18n.translator import Translator


def layout(address="/zones?hours=8&lang=en", **more):
    return PageLayout("Title", "A **lead**.", "zones", address, **more)


def test_a_page_links_to_its_other_language():
    assert layout().address_in_language("ja") == "/zones?hours=8&lang=ja"
    assert layout("/").address_in_language("ja") == "/?lang=ja"


def test_a_page_needs_no_other_server_and_no_inline_script():
    text = render_page("error.html", layout(refresh_interval_s=2.5), Translator("ja"))
    assert re.findall(r'(?:src|href)="(\w+:[^"]*)"', text) == ["data:,"]
    assert "<script>" not in text
    assert "style=" not in text
    assert "on" not in {name[:2] for name in re.findall(r"<\w+[^>]* (on\w+)=", text)}
    assert '<html lang="ja">' in text
    assert 'data-refresh-s="2.5"' in text
    assert "<strong>lead</strong>" in text
    assert text.count('aria-current="page"') == 1


def test_assets_need_no_other_server():
    for _, text in load_assets().values():
        assert not re.search(r"https?:|@import|url\(", text)


def test_a_run_name_is_one_segment_of_its_address():
    assert run_address("runs~a b/c?d#é") == "/run/runs~a%20b%2Fc%3Fd%23%C3%A9"
    assert run_address("a", "explain", what="|x|") == "/run/a/explain?what=%7Cx%7C"


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
def test_parse_accept_language(header, language):
    assert parse_accept_language(header) == language


def test_language_precedence_page_cookie_server_browser():
    everywhere = {"query": "lang=ja", "cookie": f"{LANGUAGE_COOKIE}=en", "accept": "en"}
    assert negotiate_language(request(**everywhere), "en") == "ja"
    assert negotiate_language(request(cookie=f"{LANGUAGE_COOKIE}=ja", accept="en"), "en") == "ja"
    assert negotiate_language(request(accept="en"), "ja") == "ja"
    assert negotiate_language(request(accept="ja"), None) == "ja"
    assert negotiate_language(request(query="lang=xx", cookie=f"{LANGUAGE_COOKIE}=yy"), None) == "en"


def test_only_a_valid_language_is_stored():
    for query, is_stored in (("lang=ja", True), ("lang=xx", False), ("", False)):
        response = Response()
        store_language_cookie(request(query), response)
        assert ("set-cookie" in response.headers) == is_stored
