"""WattTime: its token's renewal."""

from datetime import timedelta

import pytest

pytest.importorskip("httpx", reason="needs the extra 'live'")
pytest.importorskip("tenacity", reason="needs the extra 'live'")

from ce_nas.core.http import Fault
from ce_nas.grid.providers.provider_errors import ProviderError

DAY = timedelta(days=1)
#: the case of this provider alone
ONLY = pytest.mark.parametrize("case", ["watttime"], indirect=True)


@ONLY
def test_token_is_renewed(case, server, connect, monkeypatch, emulators):
    moment = [case.now]
    provider = connect(case, now=lambda: moment[0])

    def fetch():
        return provider.fetch(case.zone, case.now - DAY, case.now)

    fetch(), fetch()
    assert server.logins == 1
    moment[0] += timedelta(minutes=26)
    fetch()
    assert server.logins == 2
    monkeypatch.setattr(emulators, "TOKEN", "hidden-other")
    fetch()
    assert server.logins == 3
    server.fault, server.failures = "401", 99
    with pytest.raises(ProviderError) as caught:
        fetch()
    assert caught.value.fault is Fault.UNAUTHORIZED
    assert server.logins == 4
