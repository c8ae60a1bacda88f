"""The layout around every page, and the language that a page is shown in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from ce_nas.report.html import load_css, load_javascript, render_section, template_environment
from ce_nas.report.i18n.translator import LANGUAGES

if TYPE_CHECKING:
    from jinja2 import Environment
    from starlette.requests import Request
    from starlette.responses import Response

    from ce_nas.report.i18n.translator import Language, Translator

__all__ = [
    "LANGUAGE_COOKIE",
    "PageLayout",
    "load_assets",
    "negotiate_language",
    "parse_accept_language",
    "render_page",
    "run_address",
    "store_language_cookie",
]

#: name of the cookie that holds the selected language
LANGUAGE_COOKIE = "ce_nas_lang"


@dataclass(frozen=True, slots=True)
class PageLayout:
    """What surrounds the content of a page."""

    title: str
    lead: str
    #: the main page that it belongs to: ``runs``, ``compare``, ``zones`` or ``pilot``
    active_page: str
    #: its address with its query
    address: str
    #: seconds after which the browser asks for an update; 0: never
    refresh_interval_s: float = 0.0

    def address_in_language(self, language: str) -> str:
        """The address of the same page in another language."""
        path, _, query = self.address.partition("?")
        parameters = [parameter for parameter in query.split("&") if parameter and not parameter.startswith("lang=")]
        return f"{path}?{'&'.join([*parameters, f'lang={language}'])}"


def render_page(template: str, layout: PageLayout, translate: Translator, **content: object) -> str:
    """Render a page as HTML."""
    return _build_environment().get_template(template).render(layout=layout, t=translate, **content)


def run_address(name: str, subpage: str = "", /, **query: str) -> str:
    """The address of a run's page, or of one of its subpages."""
    path = f"/run/{quote(name, safe='~')}" + (f"/{subpage}" if subpage else "")
    return f"{path}?{urlencode(query)}" if query else path


def load_assets() -> dict[str, tuple[str, str]]:
    """Read the files that pages refer to: name to media type and text."""
    static = resources.files("ce_nas.apps.dashboard") / "static"
    return {
        "style.css": ("text/css", load_css() + (static / "dashboard.css").read_text()),
        "script.js": ("text/javascript", load_javascript() + (static / "dashboard.js").read_text()),
    }


@cache
def _build_environment() -> Environment:
    environment = template_environment("ce_nas.apps.dashboard")
    environment.globals["render_section"] = render_section
    environment.globals["run_address"] = run_address
    return environment


def negotiate_language(request: Request, default: Language | None) -> Language:
    """The language of a request: that of the query, else the cookie's, else ``default``, else the browser's.

    :param default: the server's language; None: the browser decides.
    """
    for requested in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE), default):
        if requested in LANGUAGES:
            return requested
    return parse_accept_language(request.headers.get("accept-language", ""))


def parse_accept_language(header: str) -> Language:
    """The supported language of an Accept-Language header with the highest weight; English if there is none."""
    weighted = [(_parse_weight(entry), entry.strip().lower()) for entry in header.split(",")]
    for weight, requested in sorted(weighted, key=lambda pair: -pair[0]):
        for language in LANGUAGES:
            if weight > 0 and requested.startswith(language):
                return language
    return "en"


def store_language_cookie(request: Request, response: Response) -> None:
    """Keep a language that was selected on a page for the following requests."""
    if request.query_params.get("lang") in LANGUAGES:
        response.set_cookie(LANGUAGE_COOKIE, request.query_params["lang"], httponly=True, samesite="lax")


def _parse_weight(entry: str) -> float:
    _, _, weight = entry.partition(";q=")
    try:
        return float(weight) if weight else 1.0
    except ValueError:
        return 0.0
