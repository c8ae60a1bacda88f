"""The frame around every page, and how its content is set into it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from ce_nas.report.html import script, section_html, style, templates

if TYPE_CHECKING:
    from jinja2 import Environment

    from ce_nas.report.i18n.words import Words

__all__ = ["Frame", "assets", "page", "run_address"]


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds the content of a page."""

    title: str
    lead: str
    #: which of the main pages it belongs to, as the name of its words
    here: str
    #: its address with its query
    address: str
    #: seconds after which the page asks for news; 0: there will be none
    every_s: float = 0.0

    def in_language(self, language: str) -> str:
        """The address of the same page in another language."""
        path, _, query = self.address.partition("?")
        kept = [part for part in query.split("&") if part and not part.startswith("lang=")]
        return f"{path}?{'&'.join([*kept, f'lang={language}'])}"


def page(template: str, frame: Frame, words: Words, **content: object) -> str:
    """A page as HTML."""
    return _templates().get_template(template).render(frame=frame, w=words, **content)


def run_address(name: str, below: str = "", /, **query: str) -> str:
    """The address of a run's page, or of one of its further pages."""
    path = f"/run/{quote(name, safe='~')}" + (f"/{below}" if below else "")
    return f"{path}?{urlencode(query)}" if query else path


def assets() -> dict[str, tuple[str, str]]:
    """Name of each file that pages refer to, to its kind and its text."""
    own = resources.files("ce_nas.apps.dashboard") / "static"
    return {
        "style.css": ("text/css", style() + (own / "dashboard.css").read_text()),
        "script.js": ("text/javascript", script() + (own / "dashboard.js").read_text()),
    }


@cache
def _templates() -> Environment:
    environment = templates("ce_nas.apps.dashboard")
    environment.globals["section_html"] = section_html
    environment.globals["run_address"] = run_address
    return environment
