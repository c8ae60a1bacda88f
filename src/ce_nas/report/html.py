"""Renders pages as self-contained HTML: no network, no library, no other files."""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from typing import TYPE_CHECKING

from ce_nas.report.plotting.svg import render_svg

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from ce_nas.report.i18n.translator import Translator
    from ce_nas.report.page import ReportPage, ReportSection

__all__ = [
    "load_css",
    "load_javascript",
    "render_fragment",
    "render_html",
    "render_inline",
    "render_paper_html",
    "render_section",
    "template_environment",
]

TEMPLATE_PACKAGE = "ce_nas.report"


def render_html(page: ReportPage) -> str:
    """Render a page as a whole file; the same page gives the same text."""
    return (
        template_environment(TEMPLATE_PACKAGE)
        .get_template("page.html")
        .render(page=page, t=page.translate, style=load_css(), script=load_javascript())
    )


def render_paper_html(page: ReportPage, footer: str) -> str:
    """Render a page as a whole file for printing on A4, with a new sheet at each section that asks for one."""
    template = template_environment(TEMPLATE_PACKAGE).get_template("paper.html")
    style = load_css() + _read_template("paper.css")
    return template.render(page=page, t=page.translate, style=style, script=load_javascript(), footer=footer)


def render_fragment(template: str, translate: Translator, **values: object) -> str:
    """Render a template that is a part of a page."""
    return template_environment(TEMPLATE_PACKAGE).get_template(template).render(t=translate, **values)


def render_section(section: ReportSection, translate: Translator) -> Markup:
    """Render a section as a ``<section>`` element for other pages; :func:`load_css` has its style."""
    from markupsafe import Markup

    template = template_environment(TEMPLATE_PACKAGE).get_template("section.html")
    return Markup(template.render(section=section, t=translate))  # noqa: S704 - the template escapes its values


def load_css() -> str:
    """Return the style of pages as CSS."""
    return _read_template("page.css")


def load_javascript() -> str:
    """Return the script of pages (tooltips of charts, copying of tables) as JavaScript."""
    return _read_template("page.js")


def _read_template(name: str) -> str:
    environment = template_environment(TEMPLATE_PACKAGE)
    assert environment.loader is not None  # noqa: S101 - created with one
    return environment.loader.get_source(environment, name)[0]


@cache
def template_environment(package: str) -> Environment:
    """Return the environment of a package's templates: values are escaped, and a missing one is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["inline"] = render_inline
    environment.filters["svg"] = lambda chart: Markup(render_svg(chart))  # noqa: S704 - render_svg escapes its texts
    environment.filters["data"] = lambda picture: f"data:image/svg+xml;base64,{b64encode(picture.content).decode()}"
    return environment


def render_inline(text: str) -> Markup:
    """Render ``**bold**`` and ```code``` in a text."""
    from markupsafe import Markup, escape

    safe = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", safe))  # noqa: S704 - escaped above
