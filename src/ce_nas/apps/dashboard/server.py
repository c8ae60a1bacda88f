"""The server: a process of its own, of the lowest priority, on the loopback unless told otherwise."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.apps.dashboard.run_folders import Runs
from ce_nas.apps.dashboard.zone_forecast import Outlooks, given_traces
from ce_nas.core.errors import MissingExtraError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ce_nas.report.i18n.words import Language

__all__ = ["TOKEN", "Address", "Shown", "address_of", "serve"]

#: the environment's variable for the token
TOKEN = "CE_NAS_DASHBOARD_TOKEN"  # noqa: S105 - the name of a variable
#: a token that was chosen must be as long as that
SHORTEST = 16
LOOPBACK = ("127.0.0.1", "::1", "localhost")
#: connections at once, and seconds that one may lie idle
CONNECTIONS, IDLE_S = 256, 20


@dataclass(frozen=True, slots=True)
class Address:
    """Where the pages are, and what a viewer has to know."""

    host: str
    port: int
    #: names by which others may call it
    names: tuple[str, ...]
    #: None: on the loopback, where only users of this machine are
    token: str | None

    @property
    def url(self) -> str:
        """What to open in a browser."""
        shown = self.names[0] if self.names else socket.gethostname() if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
        host = f"[{shown}]" if ":" in shown else shown
        return f"http://{host}:{self.port}/" + (f"?token={self.token}" if self.token else "")


def address_of(host: str, port: int, names: Sequence[str], stated: str | None) -> Address:
    """The address with a token where one is needed: the stated one, else one made up.

    :raises SettingsError: if the stated token is short enough to be guessed.
    """
    if stated is not None and len(stated) < SHORTEST:
        message = (
            f"Expected a token of {SHORTEST} signs or more in {TOKEN}, got {len(stated)}; unset it, and one is made up."
        )
        raise SettingsError(message)
    if host in LOOPBACK:
        return Address(host, port, tuple(names), stated)
    return Address(host, port, tuple(names), stated or secrets.token_urlsafe(24))


@dataclass(frozen=True, slots=True)
class Shown:
    """What the pages show."""

    #: folders of runs, or folders that hold such folders
    roots: Sequence[Path]
    #: files of carbon intensity, beside the zones that are built in or were imported
    traces: Sequence[Path] = ()
    #: the language of who states none; None: that of the browser
    language: Language | None = None


def serve(shown: Shown, address: Address, announce: Callable[[Address, int], None]) -> None:
    """Show runs and zones until the process is interrupted.

    :param announce: told where the pages are, and how many runs there are, once they can be opened.
    :raises SettingsError: if there is nothing at one of the roots, or the address cannot be had.
    :raises MissingExtraError: if starlette or uvicorn is not installed.
    """
    try:
        import uvicorn

        from ce_nas.apps.dashboard.app import Dashboard
    except ImportError as error:
        raise MissingExtraError(error.name or "starlette", "dashboard", "The dashboard") from error
    from threadpoolctl import threadpool_limits

    from ce_nas.apps.dashboard.security import Access

    _require(shown.roots)
    outlooks = Outlooks(given_traces(shown.traces))
    door = _bound(address)
    os.nice(19)  # a run comes first
    runs = Runs(shown.roots)
    known = Address(address.host, door.getsockname()[1], address.names, address.token)
    hosts = {"localhost", *(name.lower() for name in address.names), address.host.lower(), socket.gethostname().lower()}
    board = Dashboard(runs, Access(frozenset(hosts), address.token), outlooks, shown.language)
    # what fails while a page is made is logged by the pages; what uvicorn says beside that is about its own end
    options = uvicorn.Config(
        board, log_level="critical", access_log=False, ws="none", server_header=False, limit_concurrency=CONNECTIONS,
        timeout_keep_alive=IDLE_S, timeout_graceful_shutdown=2, lifespan="off",
    )  # fmt: skip
    announce(known, len(runs.find()))
    try:
        with threadpool_limits(limits=1):
            uvicorn.Server(options).run(sockets=[door])
    finally:
        board.close()


def _require(roots: Sequence[Path]) -> None:
    for root in roots:
        if not root.is_dir():
            message = f"Expected a run's folder, or a folder of runs, at {str(root)!r}, found none; begin a run first."
            raise SettingsError(message)


def _bound(address: Address) -> socket.socket:
    kind = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    door = socket.socket(kind, socket.SOCK_STREAM)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind((address.host, address.port))
        door.listen()
    except (OSError, OverflowError) as error:
        door.close()
        message = (
            f"Expected an address that can be had, got {address.host!r} with port {address.port}: "
            f"{getattr(error, 'strerror', None) or error}; choose another --port, or 0 for any that is free."
        )
        raise SettingsError(message) from error
    return door
