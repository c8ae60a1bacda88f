"""The client of providers: JSON, faults of bodies, and redacted excerpts."""

from datetime import UTC, datetime

import pytest

pytest.importorskip("httpx", reason="needs the extra 'live'")
pytest.importorskip("tenacity", reason="needs the extra 'live'")

import httpx

from ce_nas.core.http import Fault, HttpOptions
from ce_nas.core.retry import RetryPolicy
from ce_nas.grid.providers.network_provider import EXCERPT_CHARACTERS, ProviderClient, ProviderContext
from ce_nas.grid.providers.provider_errors import ProviderError


def client(status, text):
    """A client of a server with this response, and the requests that it got."""
    requests = []

    def respond(request):
        requests.append(request)
        return httpx.Response(status, text=text)

    http = HttpOptions(httpx.MockTransport(respond), retry_policy=RetryPolicy(3), sleep=lambda _: None)
    context = ProviderContext(lambda: datetime(2024, 5, 1, 12, tzinfo=UTC), {}, http)
    return ProviderClient("named", "https://grid.example/v1", context), requests


def test_json_object_is_decoded():
    api, requests = client(200, '\ufeff{"value": 7}')
    assert api.get_json("/now", {"zone": "A B"}) == {"value": 7}
    assert str(requests[0].url) == "https://grid.example/v1/now?zone=A+B"


@pytest.mark.parametrize(
    ("status", "text", "fault", "n_requests"),
    [
        (200, "[1]", Fault.MALFORMED, 3),
        (200, '{"value": ', Fault.MALFORMED, 3),
        (200, "  \n", Fault.EMPTY_RESPONSE, 3),
        (401, "who?", Fault.UNAUTHORIZED, 1),
    ],
)
def test_unusable_body_has_fault_and_number_of_attempts(status, text, fault, n_requests):
    api, requests = client(status, text)
    with pytest.raises(ProviderError) as caught:
        api.get_json("/now")
    assert caught.value.fault is fault
    assert len(requests) == n_requests


def test_excerpt_of_a_long_response_is_one_short_line():
    api, _ = client(404, "line\n" * 500)
    with pytest.raises(ProviderError) as caught:
        api.get_json("/now")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < EXCERPT_CHARACTERS + 200
