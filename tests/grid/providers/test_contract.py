"""The contract of carbon-intensity providers, against emulated APIs."""

import pytest

pytest.importorskip("httpx", reason="needs the extra 'live'")
pytest.importorskip("tenacity", reason="needs the extra 'live'")

from ce_nas.testing.contracts import ProviderContract


class TestProviders(ProviderContract):
    @pytest.fixture
    def provider(self, case, connect):
        return connect(case)

    @pytest.fixture
    def zone(self, case):
        return case.zone

    @pytest.fixture
    def now(self, case):
        return case.now
