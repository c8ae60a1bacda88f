"""A page as one HTML file that needs nothing beside it: no network, no library, no folder."""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from typing import TYPE_CHECKING

from ce_nas.report.plotting.svg import svg

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from ce_nas.report.i18n.words import Words
    from ce_nas.report.page import Page, Section

__all__ = ["fragment", "html", "inline", "paper_html", "script", "section_html", "style", "templates"]

REPORT = "ce_nas.report"


def html(page: Page) -> str:
    """The page as a whole file; the same page gives the same text."""
    return templates(REPORT).get_template("page.html").render(page=page, w=page.words, style=style(), script=script())


def paper_html(page: Page, footer: str) -> str:
    """The page as a whole file that is meant for sheets of A4: a sheet up to each section that begins a new one."""
    template = templates(REPORT).get_template("paper.html")
    looks = style() + _source("paper.css")
    return template.render(page=page, w=page.words, style=looks, script=script(), footer=footer)


def fragment(template: str, words: Words, **values: object) -> str:
    """A template that is a part of a page, filled in."""
    return templates(REPORT).get_template(template).render(w=words, **values)


def section_html(section: Section, words: Words) -> Markup:
    """One section as a ``<section>`` element, for pages of one's own; :func:`style` holds its looks."""
    from markupsafe import Markup

    template = templates(REPORT).get_template("section.html")
    return Markup(template.render(section=section, w=words))  # noqa: S704 - the template escapes what it is given


def style() -> str:
    """The looks, as CSS."""
    return _source("page.css")


def script() -> str:
    """What pages do when a reader points at a figure, or copies a table, as JavaScript."""
    return _source("page.js")


def _source(name: str) -> str:
    environment = templates(REPORT)
    assert environment.loader is not None  # noqa: S101 - it was made with one
    return environment.loader.get_source(environment, name)[0]


@cache
def templates(package: str) -> Environment:
    """A package's templates, as all pages are filled in: everything is escaped, and nothing may be left out."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["inline"] = inline
    environment.filters["svg"] = lambda chart: Markup(svg(chart))  # noqa: S704 - it escapes what it is given
    environment.filters["data"] = lambda picture: f"data:image/svg+xml;base64,{b64encode(picture.content).decode()}"
    return environment


def inline(text: str) -> Markup:
    """Text with what is bold or code in it set so."""
    from markupsafe import Markup, escape

    safe = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", safe))  # noqa: S704 - escaped above
