"""The words of every page, in English and in Japanese: the one catalogue.

What a journal says for itself, such as a policy's reason or where a table comes from, stays in the English that it was
written in.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, get_args

from ce_nas.core.errors import SettingsError, one_of
from ce_nas.report.i18n.catalogue import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LANGUAGES", "Language", "Words", "language_of"]

Language = Literal["en", "ja"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


def language_of(stated: str | None = None) -> Language:
    """The language that was asked for, else that of the locale: Japanese where it is Japanese, else English.

    :raises SettingsError: if there are no words in it.
    """
    if stated is None:
        locale = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
        return "ja" if locale.lower().startswith("ja") else "en"
    known: dict[str, Language] = {language: language for language in LANGUAGES}
    if stated not in known:
        raise SettingsError(one_of("language", stated, LANGUAGES))
    return known[stated]


class Words:
    """Says things in one language.

    :raises SettingsError: if there are no words in it.
    """

    def __init__(self, language: str | None = None) -> None:
        self.language = language_of(language)
        self._place = LANGUAGES.index(self.language)

    def __call__(self, key: str, **values: object) -> str:
        """The words of a key with values in their places."""
        return CATALOGUE[key][self._place].format(**values)

    def stop(self, stop: str) -> str:
        """Why a run ended."""
        return self(f"stop.{stop}")

    def functions(self, architectures: int, functions: int) -> str:
        """How many functions so many architectures compute, in brackets; nothing where each has its own."""
        return "" if functions == architectures else self("functions", count=f"{functions:,}")

    def listed(self, parts: Iterable[str]) -> str:
        """Things in a row."""
        return self("comma").join(parts)
