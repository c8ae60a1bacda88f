"""Components: what a run is put together from, each registered by name with the model of its settings.

- registry: `POLICIES`, `SEARCHERS`, ...: the components that settings name
- base: base classes of a component's settings
- quantities: types of settings, such as durations and masses of carbon
- field_types: what a field of settings may hold
- messages: sentences about invalid settings
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.components.base import ComponentSettings, ProblemSettings, SearcherSettings, WorkerSettings
    from ce_nas.components.registry import (
        FORECASTERS,
        METERS,
        POLICIES,
        PROBLEMS,
        PROVIDERS,
        SEARCHERS,
        WORKERS,
        Registry,
    )

__all__ = [
    "FORECASTERS",
    "METERS",
    "POLICIES",
    "PROBLEMS",
    "PROVIDERS",
    "SEARCHERS",
    "WORKERS",
    "ComponentSettings",
    "ProblemSettings",
    "Registry",
    "SearcherSettings",
    "WorkerSettings",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "base": ["ComponentSettings", "ProblemSettings", "SearcherSettings", "WorkerSettings"],
        "registry": [
            "FORECASTERS",
            "METERS",
            "POLICIES",
            "PROBLEMS",
            "PROVIDERS",
            "SEARCHERS",
            "WORKERS",
            "Registry",
        ],
    },
)
