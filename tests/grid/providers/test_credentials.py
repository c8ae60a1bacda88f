import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("httpx", reason="needs the extra 'live'")

import httpx

from ce_nas.core.errors import SettingsError
from ce_nas.grid.providers.credentials import AuthTransport, Credentials, Secret, read_key


def test_secret_is_hidden_in_representations():
    secret = Secret("s3cret")
    credentials = Credentials(headers={"a": secret}, params={"b": secret}, extra_secrets=(secret,))
    assert "s3cret" not in f"{secret} {secret!r} {credentials} {credentials!r}"
    assert secret.reveal() == "s3cret"


def test_credentials_are_added_below_the_client():
    sent = []

    def answer(request):
        sent.append(request)
        return httpx.Response(200)

    credentials = Credentials(headers={"auth-token": Secret("hidden/1")}, params={"key": Secret("hidden+2")})
    with httpx.Client(transport=AuthTransport(httpx.MockTransport(answer), lambda: credentials)) as client:
        response = client.get("https://example.org/a?b=c", headers={"x": "y"})
    (request,) = sent
    assert (request.headers["auth-token"], request.headers["x"]) == ("hidden/1", "y")
    assert dict(request.url.params) == {"b": "c", "key": "hidden+2"}
    assert "hidden" not in f"{response.request.url} {response.request.headers}"


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=4), st.text(max_size=20))
def test_redaction_removes_every_encoding(secret, surroundings):
    credentials = Credentials(params={"k": Secret(secret)})
    address = str(httpx.URL("https://example.org", params={"k": secret}))
    for text in (
        secret,
        f"{surroundings}{secret}{surroundings}",
        address,
        httpx.Response(200, json={"k": secret}).text,
    ):
        redacted = credentials.redact(text)
        assert secret not in redacted or secret in "***"
        assert "***" in redacted


@pytest.mark.parametrize("text", [None, "", "  ", "a\nb", "\x00", "schlüssel"])
def test_invalid_key_is_rejected_and_not_shown(text):
    environ = {} if text is None else {"SOME_KEY": text}
    with pytest.raises(SettingsError, match="SOME_KEY") as caught:
        read_key("provider", "SOME_KEY", environ)
    assert not text or not text.strip() or text not in str(caught.value)


def test_key_is_stripped():
    assert read_key("provider", "SOME_KEY", {"SOME_KEY": " abc \n"}).reveal() == "abc"


def test_redaction_of_a_secret_that_contains_another():
    credentials = Credentials(extra_secrets=(Secret("abc"), Secret("abcdef")))
    assert credentials.redact("abcdef abc") == "*** ***"
