"""Contract suites: the tests that every component of a kind passes, to run against your own (needs pytest, hypothesis).

Subclass a suite in a test module, name the class ``Test...``, and give it the fixtures that its docstring lists::

    import pytest
    from ce_nas.testing.contracts import PolicyContract
    from my_package import OfficeHours

    class TestOfficeHours(PolicyContract):
        @pytest.fixture
        def make_policy(self):
            return OfficeHours

- policies: `PolicyContract`
- searchers: `SearcherContract`
- forecasters: `ForecasterContract`
- providers: `ProviderContract`: providers of carbon intensity
- meters: `MeterContract`: energy meters
- clusters: `ClusterContract`
- worker_pools: `WorkerPoolContract`
- clocks: `ClockContract`
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader
import pytest

if TYPE_CHECKING:
    from ce_nas.testing.contracts.clocks import ClockContract
    from ce_nas.testing.contracts.clusters import ClusterContract
    from ce_nas.testing.contracts.forecasters import ForecasterContract
    from ce_nas.testing.contracts.meters import MeterContract
    from ce_nas.testing.contracts.policies import PolicyContract
    from ce_nas.testing.contracts.providers import ProviderContract
    from ce_nas.testing.contracts.searchers import SearcherContract
    from ce_nas.testing.contracts.worker_pools import WorkerPoolContract

__all__ = [
    "ClockContract",
    "ClusterContract",
    "ForecasterContract",
    "MeterContract",
    "PolicyContract",
    "ProviderContract",
    "SearcherContract",
    "WorkerPoolContract",
]

_SUITES = {
    "clocks": ["ClockContract"],
    "clusters": ["ClusterContract"],
    "forecasters": ["ForecasterContract"],
    "meters": ["MeterContract"],
    "policies": ["PolicyContract"],
    "providers": ["ProviderContract"],
    "searchers": ["SearcherContract"],
    "worker_pools": ["WorkerPoolContract"],
}
pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in _SUITES))  # so that failures show their values

__getattr__, __dir__, _ = lazy_loader.attach(__name__, submod_attrs=_SUITES)
