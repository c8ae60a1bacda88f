"""Texts of pages in English and Japanese.

- translator: `Translator`, looks up the text of a key
- locale/en.toml, locale/ja.toml: the texts
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.report.i18n.translator import LANGUAGES, Translator, resolve_language

__all__ = ["LANGUAGES", "Translator", "resolve_language"]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__, submod_attrs={"translator": ["LANGUAGES", "Translator", "resolve_language"]}
)
