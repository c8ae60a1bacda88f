"""The pages' addresses, and what answers there."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from ce_nas.apps.dashboard.cache import Look, Rendering, Renderings
from ce_nas.apps.dashboard.layout import Frame, assets, page
from ce_nas.apps.dashboard.live_updates import Ledgers, live_page
from ce_nas.apps.dashboard.locale import language_of_request, remember
from ce_nas.apps.dashboard.pages.compare import beside, choice_page, comparing_page, label_of
from ce_nas.apps.dashboard.pages.explain import Question, why_page
from ce_nas.apps.dashboard.pages.overview import overview
from ce_nas.apps.dashboard.pages.pilot import Asked, Pilots, Progress, pilot_page
from ce_nas.apps.dashboard.pages.zones import Wish, zones_page
from ce_nas.apps.dashboard.security import Guard
from ce_nas.apps.dashboard.zone_forecast import Outlooks
from ce_nas.apps.pilot.first_page import decision_html
from ce_nas.core.clock import utc_now
from ce_nas.core.errors import CeNasError, SettingsError, StoreError
from ce_nas.report.html import html
from ce_nas.report.i18n.words import Words
from ce_nas.report.run_report import run_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from ce_nas.apps.dashboard.run_folders import Runs
    from ce_nas.apps.dashboard.security import Access
    from ce_nas.apps.pilot.result import PilotResult
    from ce_nas.report.i18n.words import Language

__all__ = ["Dashboard"]

#: seconds that one look at the list may read runs that were never read
READING_S = 1.0
HTML = "text/html; charset=utf-8"
#: the longest query that is answered
LONGEST = 4000

log = logging.getLogger(__name__)


class Dashboard:
    """The pages as an ASGI application.

    :param runs: what there is to see.
    :param access: who may see it.
    :param outlooks: the zones; None: those that are built in or were imported.
    :param language: the language of who states none; None: that of the browser.
    """

    def __init__(
        self, runs: Runs, access: Access, outlooks: Outlooks | None = None, language: Language | None = None
    ) -> None:
        self._runs = runs
        self._outlooks = outlooks or Outlooks({})
        self._language = language
        self._pages = Renderings()
        self._ledgers = Ledgers(self._pages.later)
        self._pilots = Pilots(self._pages.at_length)
        self._assets = {name: (kind, Rendering.of(text)) for name, (kind, text) in assets().items()}
        handlers = {HTTPException: self._lost, CeNasError: self._said, Exception: self._broken}
        inner = Starlette(routes=self._routes(), exception_handlers=handlers)  # type: ignore[arg-type] # of their kinds
        self._app: ASGIApp = Guard(inner, access, self._refused)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        await self._app(scope, receive, send)

    def close(self) -> None:
        """Let go of threads and copies."""
        self._pages.close()
        self._runs.close()

    def _routes(self) -> list[Route]:
        return [
            Route("/", self._overview),
            Route("/compare", self._compare),
            Route("/zones", self._zones),
            Route("/pilot", self._pilot),
            Route("/pilot/decision.html", self._decision),
            Route("/run/{name}", self._run),
            Route("/run/{name}/explain", self._explain),
            Route("/run/{name}/report.html", self._report),
            Route("/run/{name}/summary.json", self._summary),
            Route("/static/{name}", self._asset),
        ]

    async def _overview(self, request: Request) -> Response:
        words = self._words(request)
        query, sort = request.query_params.get("q", "").strip(), request.query_params.get("sort", "")

        def look() -> Look:
            found = self._runs.listing(READING_S)
            return Look(found.mark, lambda: overview(found, query, sort, words))

        return await self._page(request, words, look)

    async def _run(self, request: Request) -> Response:
        words, name = self._words(request), request.path_params["name"]

        def look() -> Look:
            run = self._runs.run(name)
            standing, entries = run.standing(), run.entries()
            saved = self._ledgers.of(entries, standing.summary.journal_sha256) if standing.ended else None
            mark = (len(entries), standing.summary.journal_sha256, saved is None)
            return Look(mark, lambda: live_page(name, entries, saved, words, goes_on=not standing.ended))

        return await self._page(request, words, look)

    async def _compare(self, request: Request) -> Response:
        words = self._words(request)
        names = list(dict.fromkeys(request.query_params.getlist("run")))

        def look() -> Look:
            found = self._runs.listing(READING_S)
            known = [(one.name, label_of(one.summary)) for one in found.standings]
            if not names:
                return Look(found.mark, lambda: choice_page(known, words))
            chosen = [self._runs.run(name) for name in names]
            mark = (tuple(known), tuple(run.standing().summary.journal_sha256 for run in chosen))
            return Look(mark, lambda: comparing_page(names, beside(chosen), known, words))

        return await self._page(request, words, look)

    async def _zones(self, request: Request) -> Response:
        words, now = self._words(request), utc_now()
        wish = Wish.of(request.query_params)
        mark = now.replace(minute=0, second=0, microsecond=0)
        look = Look(mark, lambda: zones_page(self._outlooks, wish, now, words))
        return await self._page(request, words, lambda: look, slow=True)

    async def _pilot(self, request: Request) -> Response:
        words, asked = self._words(request), Asked.of(request.query_params)

        def look() -> Look:
            found = self._piloted(asked, request)
            mark = found if isinstance(found, Progress | str | None) else "found"
            return Look(mark, lambda: pilot_page(asked, found, self._outlooks.names(), words))

        return await self._page(request, words, look)

    async def _decision(self, request: Request) -> Response:
        """The decision paper as one file to print."""
        words, asked = self._words(request), Asked.of(request.query_params)

        def look() -> Look:
            found = self._piloted(asked, request)
            if found is None or isinstance(found, Progress | str):
                message = "Expected a pilot that has been simulated; open the page of its form first, and wait for it."
                raise SettingsError(message)
            return Look("found", lambda: decision_html(found, words))

        response = await self._page(request, words, look)
        response.headers["content-disposition"] = "attachment; filename=decision.html"
        return response

    def _piloted(self, asked: Asked, request: Request) -> PilotResult | Progress | str | None:
        """The pilot that was asked for, begun if it was not; what another site leads to is only shown as a form."""
        if not asked.sent or request.headers.get("sec-fetch-site") == "cross-site":
            return None
        try:
            return self._pilots.of(asked.figures(self._outlooks.traces), asked.effort)
        except CeNasError as error:
            return str(error)

    async def _explain(self, request: Request) -> Response:
        words, name = self._words(request), request.path_params["name"]
        asked = Question(*(request.query_params.get(part, "").strip() for part in ("what", "hour")))

        def look() -> Look:
            entries = self._runs.run(name).entries()
            return Look(len(entries), lambda: why_page(name, entries, asked, words))

        return await self._page(request, words, look, slow=True)

    async def _report(self, request: Request) -> Response:
        """The report as one file to keep."""
        words, name = self._words(request), request.path_params["name"]

        def look() -> Look:
            run = self._runs.run(name)
            standing, entries = run.standing(), run.entries()
            saved = self._ledgers.of(entries, standing.summary.journal_sha256) if standing.ended else None
            return Look((len(entries), saved is None), lambda: html(run_page(entries, words, saved)))

        response = await self._page(request, words, look)
        response.headers["content-disposition"] = f"attachment; filename*=UTF-8''{quote(name)}.html"
        return response

    async def _summary(self, request: Request) -> Response:
        words, name = self._words(request), request.path_params["name"]

        def look() -> Look:
            standing = self._runs.run(name).standing()
            return Look(standing.summary.journal_sha256, standing.summary.to_json)

        return await self._page(request, words, look, kind="application/json")

    async def _asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._assets:
            raise HTTPException(404)
        kind, rendering = self._assets[name]
        return _answer(request, rendering, f"{kind}; charset=utf-8")

    async def _page(
        self, request: Request, words: Words, look: Callable[[], Look], *, kind: str = HTML, slow: bool = False
    ) -> Response:
        """What ``look`` says that this address shows, set for all who ask for it in this language."""
        query = tuple(pair for pair in request.query_params.multi_items() if pair[0] != "lang")
        if len(request.url.query) > LONGEST:
            message = f"Expected an address of {LONGEST} signs at most, got {len(request.url.query)}; choose less."
            raise SettingsError(message)
        key = (request.url.path, query, words.language)
        rendering = await self._pages.of(key, look, slow=slow)
        response = _answer(request, rendering, kind)
        remember(request, response)
        return response

    def _words(self, request: Request) -> Words:
        return Words(language_of_request(request, self._language))

    def _refused(self, status: int, key: str, scope: Scope) -> Response:
        from starlette.requests import Request

        words = self._words(Request(scope))
        headers = {"www-authenticate": "Bearer"} if status == 401 else {"allow": "GET, HEAD"} if status == 405 else {}
        return _error(status, words(key), words, headers)

    async def _lost(self, request: Request, error: HTTPException) -> Response:
        words = self._words(request)
        return _error(error.status_code, words("board.error.lost"), words)

    async def _said(self, request: Request, error: CeNasError) -> Response:
        """What is wrong with what was asked for, in the error's own sentence."""
        status = 400 if isinstance(error, SettingsError) else 404 if isinstance(error, StoreError) else 422
        return _error(status, str(error), self._words(request))

    async def _broken(self, request: Request, error: Exception) -> Response:
        log.error("could not make %s", request.url.path, exc_info=error)
        words = self._words(request)
        return _error(500, words("board.error.inside"), words)


def _answer(request: Request, rendering: Rendering, kind: str) -> Response:
    """A rendering, or that the browser has it already."""
    headers = {
        "etag": rendering.etag,
        "cache-control": "private, no-cache",
        "vary": "Accept-Encoding, Accept-Language, Cookie",
    }
    if rendering.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(rendering.packed, headers={**headers, "content-encoding": "gzip"}, media_type=kind)
    return Response(rendering.body, headers=headers, media_type=kind)


def _error(status: int, sentence: str, words: Words, headers: dict[str, str] | None = None) -> Response:
    frame = Frame(words("board.error"), sentence, "", "/")
    kept = {"cache-control": "no-store", **(headers or {})}
    return Response(page("error.html", frame, words), status, headers=kept, media_type=HTML)
