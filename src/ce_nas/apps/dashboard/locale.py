"""In which language a page is shown: the one that was chosen on it, else the server's, else the browser's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.report.i18n.words import LANGUAGES

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ce_nas.report.i18n.words import Language

__all__ = ["COOKIE", "accepted", "language_of_request", "remember"]

#: the cookie that holds the language that was chosen
COOKIE = "ce_nas_lang"


def language_of_request(request: Request, default: Language | None) -> Language:
    """The language for a request; nothing that a browser says is an error.

    :param default: what the server was told; None: the browser decides.
    """
    for stated in (request.query_params.get("lang"), request.cookies.get(COOKIE), default):
        if stated in LANGUAGES:
            return stated
    return accepted(request.headers.get("accept-language", ""))


def accepted(header: str) -> Language:
    """The language that a browser likes best of those there are; English where it likes none."""
    liked = [(_weight(part), part.strip().lower()) for part in header.split(",")]
    for weight, wanted in sorted(liked, key=lambda one: -one[0]):
        for language in LANGUAGES:
            if weight > 0 and wanted.startswith(language):
                return language
    return "en"


def remember(request: Request, response: Response) -> None:
    """Keep a language that was chosen on a page for those that follow."""
    if request.query_params.get("lang") in LANGUAGES:
        response.set_cookie(COOKIE, request.query_params["lang"], httponly=True, samesite="lax")


def _weight(part: str) -> float:
    _, _, stated = part.partition(";q=")
    try:
        return float(stated) if stated else 1.0
    except ValueError:
        return 0.0
