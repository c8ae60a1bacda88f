"""The dashboard's server: a separate process at the lowest priority, on the loopback interface by default."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ce_nas.apps.dashboard.run_folders import RunIndex
from ce_nas.apps.dashboard.zone_forecast import ZoneForecasts, read_file_zones
from ce_nas.core.errors import MissingExtraError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ce_nas.report.i18n.translator import Language

__all__ = ["TOKEN_VARIABLE", "DashboardConfig", "ServerAddress", "build_address", "serve"]

#: environment variable of the token
TOKEN_VARIABLE = "CE_NAS_DASHBOARD_TOKEN"  # noqa: S105 - the name of a variable
#: shortest accepted token, characters
MIN_TOKEN_LENGTH = 16
LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")
#: simultaneous connections, and seconds before an idle one is closed
MAX_CONNECTIONS, KEEP_ALIVE_S = 256, 20


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """The address of the pages, and their token.

    Example:
        >>> ServerAddress("127.0.0.1", 8765, host_names=(), token=None).url
        'http://127.0.0.1:8765/'
    """

    host: str
    port: int
    #: further accepted host names
    host_names: tuple[str, ...]
    #: None: no token, as on the loopback interface, which only users of this machine can reach
    token: str | None

    @property
    def url(self) -> str:
        """The address to open in a browser."""
        name = self.host
        if self.host_names:
            name = self.host_names[0]
        elif self.host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
            name = socket.gethostname()
        host = f"[{name}]" if ":" in name else name
        return f"http://{host}:{self.port}/" + (f"?token={self.token}" if self.token else "")


def build_address(host: str, port: int, host_names: Sequence[str], token: str | None) -> ServerAddress:
    """Build the address, with a random token if one is needed and none is given.

    :raises SettingsError: if the token is short enough to be guessed.
    """
    if token is not None and len(token) < MIN_TOKEN_LENGTH:
        message = (
            f"Expected a token of {MIN_TOKEN_LENGTH} characters or more in {TOKEN_VARIABLE}, got {len(token)}; unset "
            "it to use a random one."
        )
        raise SettingsError(message)
    if host in LOOPBACK_HOSTS:
        return ServerAddress(host, port, tuple(host_names), token)
    return ServerAddress(host, port, tuple(host_names), token or secrets.token_urlsafe(24))


@dataclass(frozen=True, slots=True)
class DashboardConfig:
    """What the pages show."""

    #: run folders, or folders that contain them
    roots: Sequence[Path]
    #: files of carbon intensity, in addition to the built-in and imported zones
    traces: Sequence[Path] = ()
    #: the default language; None: that of the browser
    language: Language | None = None
    #: how the files are read, see :func:`~ce_nas.apps.dashboard.zone_forecast.read_file_zones`
    trace_layout: Mapping[str, str | None] = field(default_factory=dict)


def serve(config: DashboardConfig, address: ServerAddress, on_ready: Callable[[ServerAddress, int], None]) -> None:
    """Serve the pages until the process is interrupted.

    :param on_ready: called with the address and the number of runs once the pages can be opened.
    :raises SettingsError: if one of the roots is no folder, or the address is not available.
    :raises MissingExtraError: if starlette or uvicorn is not installed.
    """
    try:
        import uvicorn

        from ce_nas.apps.dashboard.app import LISTING_TIME_LIMIT_S, Dashboard
    except ImportError as error:
        raise MissingExtraError(error.name or "starlette", "dashboard", "The dashboard") from error
    from threadpoolctl import threadpool_limits

    from ce_nas.apps.dashboard.security import AccessRules, LimitedProtocol

    _require_roots(config.roots)
    forecasts = ZoneForecasts(read_file_zones(config.traces, **config.trace_layout))
    listener = _bind_socket(address)
    os.nice(19)  # runs have priority
    run_index = RunIndex(config.roots)
    names = ("localhost", address.host, socket.gethostname(), *address.host_names)
    access = AccessRules(frozenset(name.lower() for name in names), address.token)
    dashboard = Dashboard(run_index, access, forecasts, config.language)
    # the dashboard logs the errors of its pages; uvicorn's other messages are about its own shutdown
    server_config = uvicorn.Config(
        dashboard, log_level="critical", access_log=False, ws="none", server_header=False, lifespan="off",
        http=LimitedProtocol, limit_concurrency=MAX_CONNECTIONS, timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=2,
    )  # fmt: skip
    run_index.list_runs(LISTING_TIME_LIMIT_S)  # what the first page would wait for
    on_ready(replace(address, port=listener.getsockname()[1]), len(run_index.scan()))
    try:
        with threadpool_limits(limits=1):
            uvicorn.Server(server_config).run(sockets=[listener])
    finally:
        dashboard.close()


def _require_roots(roots: Sequence[Path]) -> None:
    for root in roots:
        if not root.is_dir():
            message = f"Expected a run's folder, or a folder of runs, at {str(root)!r}, found none; start a run first."
            raise SettingsError(message)


def _bind_socket(address: ServerAddress) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address.host, address.port))
        listener.listen()
    except (OSError, OverflowError) as error:
        listener.close()
        message = (
            f"Expected an available address, got {address.host!r} with port {address.port}: "
            f"{getattr(error, 'strerror', None) or error}; choose another --port, or 0 for any free one."
        )
        raise SettingsError(message) from error
    return listener
