import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("httpx", reason="needs the extra 'live'")

import httpx

from ce_nas.core.errors import SettingsError
from ce_nas.grid.providers.credentials import Seal, Sealing, Secret, default_transport, read_key


def test_a_secret_shows_itself_to_nobody():
    secret = Secret("s3cret")
    seal = Seal(headers={"a": secret}, params={"b": secret}, hidden=(secret,))
    assert "s3cret" not in f"{secret} {secret!r} {seal} {seal!r}"
    assert secret.reveal() == "s3cret"


def test_a_seal_is_put_on_below_the_client():
    sent = []

    def answer(request):
        sent.append(request)
        return httpx.Response(200)

    seal = Seal(headers={"auth-token": Secret("hidden/1")}, params={"key": Secret("hidden+2")})
    with httpx.Client(transport=Sealing(httpx.MockTransport(answer), lambda: seal)) as client:
        response = client.get("https://example.org/a?b=c", headers={"x": "y"})
    (request,) = sent
    assert (request.headers["auth-token"], request.headers["x"]) == ("hidden/1", "y")
    assert dict(request.url.params) == {"b": "c", "key": "hidden+2"}
    assert "hidden" not in f"{response.request.url} {response.request.headers}"


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=4), st.text(max_size=20))
def test_redacting_leaves_no_form_of_it(plain, around):
    seal = Seal(params={"k": Secret(plain)})
    address = str(httpx.URL("https://example.org", params={"k": plain}))
    for text in (plain, f"{around}{plain}{around}", address, httpx.Response(200, json={"k": plain}).text):
        shown = seal.redact(text)
        assert plain not in shown or plain in "***"
        assert "***" in shown


@pytest.mark.parametrize("text", [None, "", "  ", "a\nb", "\x00", "schlüssel"])
def test_what_cannot_be_a_key_is_refused_and_not_shown(text):
    environ = {} if text is None else {"SOME_KEY": text}
    with pytest.raises(SettingsError, match="SOME_KEY") as caught:
        read_key("made", "SOME_KEY", environ)
    assert not text or not text.strip() or text not in str(caught.value)


def test_spaces_around_a_key_are_not_part_of_it():
    assert read_key("made", "SOME_KEY", {"SOME_KEY": " abc \n"}).reveal() == "abc"


@pytest.mark.parametrize("no_proxy", ["", "example.org"])
def test_the_proxy_of_the_environment_is_used(monkeypatch, no_proxy):
    asked = []
    monkeypatch.setattr(httpx, "HTTPTransport", lambda **given: asked.append(given["proxy"]))
    monkeypatch.setenv("https_proxy", "http://proxy.example.org:3128")
    monkeypatch.setenv("no_proxy", no_proxy)
    default_transport("example.org")
    assert asked == [None if no_proxy else "http://proxy.example.org:3128"]


def test_a_secret_that_holds_another_one_leaves_nothing():
    seal = Seal(hidden=(Secret("abc"), Secret("abcdef")))
    assert seal.redact("abcdef abc") == "*** ***"
