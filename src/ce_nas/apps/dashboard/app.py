"""The dashboard as an ASGI application: the addresses of its pages, and their handlers."""

from __future__ import annotations

import hmac
import logging
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from ce_nas.apps.dashboard.layout import (
    PageLayout,
    load_assets,
    negotiate_language,
    render_page,
    store_language_cookie,
)
from ce_nas.apps.dashboard.page_cache import PageCache, PageSource, RenderedPage
from ce_nas.apps.dashboard.pages.compare import compare_page, load_compared_runs, run_label, selection_page
from ce_nas.apps.dashboard.pages.explain import ExplanationQuestion, explain_page
from ce_nas.apps.dashboard.pages.overview import overview_page
from ce_nas.apps.dashboard.pages.pilot import PilotForm, PilotProgress, PilotQueue, pilot_page
from ce_nas.apps.dashboard.pages.run import CounterfactualCache, run_page
from ce_nas.apps.dashboard.pages.zones import PENDING_INTERVAL_S, REFRESH_INTERVAL_S, JobRequest, zones_page
from ce_nas.apps.dashboard.prometheus import CONTENT_TYPE, render_metrics
from ce_nas.apps.dashboard.security import SecurityMiddleware
from ce_nas.apps.dashboard.zone_forecast import ZoneForecasts
from ce_nas.apps.pilot.paper import decision_html
from ce_nas.core.clock import utc_now
from ce_nas.core.errors import CeNasError, SettingsError, StoreError
from ce_nas.report.html import render_html
from ce_nas.report.i18n.translator import Translator
from ce_nas.report.run_report import build_run_report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from ce_nas.analysis.counterfactual import Counterfactual
    from ce_nas.apps.dashboard.run_folders import RunIndex, RunStatus
    from ce_nas.apps.dashboard.security import AccessRules
    from ce_nas.apps.pilot.result import PilotResult
    from ce_nas.report.i18n.translator import Language
    from ce_nas.store.journal import JournalEntry

__all__ = ["Dashboard"]

#: seconds that a request for the list may spend on runs that were never read
LISTING_TIME_LIMIT_S = 1.0
HTML_CONTENT_TYPE = "text/html; charset=utf-8"
#: longest accepted query, characters
MAX_QUERY_LENGTH = 4000

log = logging.getLogger(__name__)


class Dashboard:
    """The pages as an ASGI application.

    :param run_index: the runs.
    :param access: who may see the pages.
    :param forecasts: the zones; None: the built-in and the imported ones.
    :param language: the default language; None: that of the browser.
    """

    def __init__(
        self,
        run_index: RunIndex,
        access: AccessRules,
        forecasts: ZoneForecasts | None = None,
        language: Language | None = None,
    ) -> None:
        self._run_index = run_index
        self._zone_forecasts = forecasts or ZoneForecasts({})
        self._language = language
        self._page_cache = PageCache()
        self._counterfactuals = CounterfactualCache(self._page_cache.submit_computation)
        self._pilot_queue = PilotQueue(self._page_cache.submit_background)
        self._assets = {
            name: (media_type, RenderedPage.from_text(text)) for name, (media_type, text) in load_assets().items()
        }
        handlers = {
            HTTPException: self._handle_http_error,
            CeNasError: self._handle_known_error,
            Exception: self._handle_unexpected_error,
        }
        pages = Starlette(routes=self._routes(), exception_handlers=handlers)  # type: ignore[arg-type] # of their kinds
        self._app: ASGIApp = SecurityMiddleware(pages, access, self._render_refusal)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        await self._app(scope, receive, send)

    def close(self) -> None:
        """Release threads and open journals."""
        self._page_cache.close()
        self._run_index.close()

    def _routes(self) -> list[Route]:
        return [
            Route("/", self._handle_overview),
            Route("/compare", self._handle_compare),
            Route("/zones", self._handle_zones),
            Route("/pilot", self._handle_pilot),
            Route("/pilot/decision.html", self._handle_decision),
            Route("/metrics", self._handle_metrics),
            Route("/run/{name}", self._handle_run),
            Route("/run/{name}/explain", self._handle_explain),
            Route("/run/{name}/report.html", self._handle_report),
            Route("/run/{name}/summary.json", self._handle_summary),
            Route("/static/{name}", self._handle_asset),
        ]

    async def _handle_overview(self, request: Request) -> Response:
        translate = self._translator_for(request)
        query, sort = request.query_params.get("q", "").strip(), request.query_params.get("sort", "")

        def read_source() -> PageSource:
            listing = self._run_index.list_runs(LISTING_TIME_LIMIT_S)
            return PageSource(listing.version, lambda: overview_page(listing, query, sort, translate))

        return await self._respond_from_cache(request, translate, read_source)

    async def _handle_run(self, request: Request) -> Response:
        translate, name = self._translator_for(request), request.path_params["name"]

        def read_source() -> PageSource:
            status, entries, counterfactual = self._read_run(name)
            version = (len(entries), status.summary.journal_sha256, counterfactual is None)
            return PageSource(
                version, lambda: run_page(name, entries, counterfactual, translate, is_running=not status.has_ended)
            )

        return await self._respond_from_cache(request, translate, read_source)

    async def _handle_compare(self, request: Request) -> Response:
        translate = self._translator_for(request)
        names = list(dict.fromkeys(request.query_params.getlist("run")))

        def read_source() -> PageSource:
            listing = self._run_index.list_runs(LISTING_TIME_LIMIT_S)
            available = [(status.name, run_label(status.summary)) for status in listing.statuses]
            if not names:
                return PageSource(listing.version, lambda: selection_page(available, translate))
            runs = [self._run_index.get(name) for name in names]
            version = (tuple(available), tuple(run.status().summary.journal_sha256 for run in runs))
            return PageSource(version, lambda: compare_page(names, load_compared_runs(runs), available, translate))

        return await self._respond_from_cache(request, translate, read_source)

    async def _handle_zones(self, request: Request) -> Response:
        translate, now = self._translator_for(request), utc_now()
        job_request = JobRequest.from_query(request.query_params)

        def read_source() -> PageSource:
            pending = translate("board.zones.pending")
            known = self._zone_forecasts.known(now, pending, self._page_cache.submit_computation)
            interval_s = PENDING_INTERVAL_S if known.pending_count else REFRESH_INTERVAL_S
            version = (now.replace(minute=0, second=0, microsecond=0), known.pending_count)
            return PageSource(version, lambda: zones_page(known, job_request, now, translate, interval_s))

        return await self._respond_from_cache(request, translate, read_source)

    async def _handle_pilot(self, request: Request) -> Response:
        translate, form = self._translator_for(request), PilotForm.from_query(request.query_params)

        def read_source() -> PageSource:
            result = self._find_or_start_pilot(form, request)
            version = result if isinstance(result, PilotProgress | str | None) else "finished"
            zones, token = self._zone_forecasts.zone_names(), self._pilot_queue.form_token
            return PageSource(version, lambda: pilot_page(form, result, zones, translate, token))

        return await self._respond_from_cache(request, translate, read_source)

    async def _handle_decision(self, request: Request) -> Response:
        """The decision paper as one file to print."""
        translate, form = self._translator_for(request), PilotForm.from_query(request.query_params)

        def read_source() -> PageSource:
            result = self._find_or_start_pilot(form, request)
            if result is None or isinstance(result, PilotProgress | str):
                message = "Expected a finished pilot; open the page of its form first, and wait for the result."
                raise SettingsError(message)
            return PageSource("finished", lambda: decision_html(result, translate))

        response = await self._respond_from_cache(request, translate, read_source)
        response.headers["content-disposition"] = "attachment; filename=decision.html"
        return response

    def _find_or_start_pilot(self, form: PilotForm, request: Request) -> PilotResult | PilotProgress | str | None:
        """The pilot of a submitted form, started on its first request; None: show the form.

        Only the form of this server starts a pilot: a page of another site does not know its token.
        """
        if not form.submitted or request.headers.get("sec-fetch-site") == "cross-site":
            return None
        try:
            inputs = form.to_inputs(self._zone_forecasts.trace_paths)
            if hmac.compare_digest(form.token.encode(), self._pilot_queue.form_token.encode()):
                return self._pilot_queue.get_or_start(inputs, form.effort)
            return self._pilot_queue.find(inputs, form.effort)
        except CeNasError as error:
            return str(error)

    async def _handle_explain(self, request: Request) -> Response:
        translate, name = self._translator_for(request), request.path_params["name"]
        question = ExplanationQuestion(*(request.query_params.get(key, "").strip() for key in ("what", "hour")))

        def read_source() -> PageSource:
            entries = self._run_index.get(name).entries()
            return PageSource(len(entries), lambda: explain_page(name, entries, question, translate))

        return await self._respond_from_cache(request, translate, read_source, is_slow=True)

    async def _handle_report(self, request: Request) -> Response:
        """The report as one file to save."""
        translate, name = self._translator_for(request), request.path_params["name"]

        def read_source() -> PageSource:
            _, entries, counterfactual = self._read_run(name)
            return PageSource(
                (len(entries), counterfactual is None),
                lambda: render_html(build_run_report(entries, translate, counterfactual)),
            )

        response = await self._respond_from_cache(request, translate, read_source)
        response.headers["content-disposition"] = f"attachment; filename*=UTF-8''{quote(name)}.html"
        return response

    async def _handle_summary(self, request: Request) -> Response:
        translate, name = self._translator_for(request), request.path_params["name"]

        def read_source() -> PageSource:
            summary = self._run_index.get(name).status().summary
            return PageSource(summary.journal_sha256, summary.to_json)

        return await self._respond_from_cache(request, translate, read_source, content_type="application/json")

    async def _handle_metrics(self, request: Request) -> Response:
        """The runs for Prometheus."""

        def read_source() -> PageSource:
            listing = self._run_index.list_runs(LISTING_TIME_LIMIT_S)
            return PageSource(listing.version, lambda: render_metrics(listing.statuses))

        translate = self._translator_for(request)
        return await self._respond_from_cache(request, translate, read_source, content_type=CONTENT_TYPE)

    async def _handle_asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._assets:
            raise HTTPException(404)
        media_type, page = self._assets[name]
        return _build_response(request, page, f"{media_type}; charset=utf-8")

    def _read_run(self, name: str) -> tuple[RunStatus, Sequence[JournalEntry], Counterfactual | str | None]:
        """Status, entries, and, once the run has ended and it is computed, its counterfactual."""
        run = self._run_index.get(name)
        status, entries = run.status(), run.entries()
        if not status.has_ended:
            return status, entries, None
        return status, entries, self._counterfactuals.get(entries, status.summary.journal_sha256)

    async def _respond_from_cache(
        self,
        request: Request,
        translate: Translator,
        read_source: Callable[[], PageSource],
        *,
        content_type: str = HTML_CONTENT_TYPE,
        is_slow: bool = False,
    ) -> Response:
        """Respond with the page of ``read_source``, rendered once for all requests in this language."""
        query = tuple(pair for pair in request.query_params.multi_items() if pair[0] != "lang")
        if len(request.url.query) > MAX_QUERY_LENGTH:
            message = (
                f"Expected a query of at most {MAX_QUERY_LENGTH} characters, got {len(request.url.query)}; select "
                "fewer runs."
            )
            raise SettingsError(message)
        key = (request.url.path, query, translate.language)
        page = await self._page_cache.get(key, read_source, is_slow=is_slow)
        response = _build_response(request, page, content_type)
        store_language_cookie(request, response)
        return response

    def _translator_for(self, request: Request) -> Translator:
        return Translator(negotiate_language(request, self._language))

    def _render_refusal(self, status: int, message_key: str, scope: Scope) -> Response:
        from starlette.requests import Request

        translate = self._translator_for(Request(scope))
        headers = {"www-authenticate": "Bearer"} if status == 401 else {"allow": "GET, HEAD"} if status == 405 else {}
        return _build_error_response(status, translate(message_key), translate, headers)

    async def _handle_http_error(self, request: Request, error: HTTPException) -> Response:
        translate = self._translator_for(request)
        return _build_error_response(error.status_code, translate("board.error.lost"), translate)

    async def _handle_known_error(self, request: Request, error: CeNasError) -> Response:
        """The error's own message as a page."""
        status = 400 if isinstance(error, SettingsError) else 404 if isinstance(error, StoreError) else 422
        return _build_error_response(status, str(error), self._translator_for(request))

    async def _handle_unexpected_error(self, request: Request, error: Exception) -> Response:
        log.error("failed to build %s", request.url.path, exc_info=error)
        translate = self._translator_for(request)
        return _build_error_response(500, translate("board.error.inside"), translate)


def _build_response(request: Request, page: RenderedPage, content_type: str) -> Response:
    """The page, or status 304 if the browser has it."""
    headers = {
        "etag": page.etag,
        "cache-control": "private, no-cache",
        "vary": "Accept-Encoding, Accept-Language, Cookie",
    }
    if page.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(page.gzip_body, headers={**headers, "content-encoding": "gzip"}, media_type=content_type)
    return Response(page.body, headers=headers, media_type=content_type)


def _build_error_response(
    status: int, message: str, translate: Translator, headers: dict[str, str] | None = None
) -> Response:
    layout = PageLayout(translate("board.error"), message, "", "/")
    all_headers = {"cache-control": "no-store", **(headers or {})}
    return Response(render_page("error.html", layout, translate), status, all_headers, HTML_CONTENT_TYPE)
