"""The dashboard: runs in the browser, also while they are in progress; it only reads.

- server: `serve`, the process; address and token
- app: `Dashboard`, the ASGI application: addresses and handlers
- security: host names, methods, the token, security headers
- layout: the frame around each page, and its language
- page_cache: each page rendered once for all viewers
- run_folders: `RunIndex`, the runs below given folders
- zone_forecast: `ZoneForecasts`, forecasts of the zones
- pages: one module per page: overview, run, explain, compare, zones, pilot
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.apps.dashboard.app import Dashboard
    from ce_nas.apps.dashboard.run_folders import RunIndex
    from ce_nas.apps.dashboard.security import AccessRules
    from ce_nas.apps.dashboard.server import DashboardConfig, ServerAddress, build_address, serve
    from ce_nas.apps.dashboard.zone_forecast import ZoneForecasts

__all__ = [
    "AccessRules",
    "Dashboard",
    "DashboardConfig",
    "RunIndex",
    "ServerAddress",
    "ZoneForecasts",
    "build_address",
    "serve",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "app": ["Dashboard"],
        "run_folders": ["RunIndex"],
        "security": ["AccessRules"],
        "server": ["DashboardConfig", "ServerAddress", "build_address", "serve"],
        "zone_forecast": ["ZoneForecasts"],
    },
)
