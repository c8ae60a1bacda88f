"""Builders, fakes and contract suites for tests of your own policies, searchers, forecasters and other components.

- states: `make_state`, `replace_state`: states for a policy to decide on
- fake_executor: `FakeExecutor`: an executor with injected faults, to try a cluster without any training
- fault_server: a local HTTP server with injected faults, for providers and downloads
- contracts: suites such as `PolicyContract` that every component of a kind passes (needs pytest and hypothesis)

A plug-in's test module subclasses the suite and supplies its fixture; ``pytest`` runs the inherited tests::

    import pytest
    from ce_nas.testing.contracts import PolicyContract
    from my_package import OfficeHours

    class TestOfficeHours(PolicyContract):
        @pytest.fixture
        def make_policy(self):
            return OfficeHours
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.testing.fake_executor import FakeExecutor, FakeWorkload, InjectedFault
    from ce_nas.testing.states import make_state, replace_state

__all__ = ["FakeExecutor", "FakeWorkload", "InjectedFault", "make_state", "replace_state"]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "fake_executor": ["FakeExecutor", "FakeWorkload", "InjectedFault"],
        "states": ["make_state", "replace_state"],
    },
)
