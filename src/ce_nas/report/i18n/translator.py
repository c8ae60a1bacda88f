"""Translated texts of every page, in English and in Japanese.

The texts lie in ``locale/en.toml`` and ``locale/ja.toml``, a line per key. Text that comes from a journal, such as the
reason of a policy or the origin of a table, is not translated: it stays in the English in which it was written.
"""

from __future__ import annotations

import os
import tomllib
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import TYPE_CHECKING, Literal, get_args

from ce_nas.core.errors import SettingsError, unknown_choice_message

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["LANGUAGES", "Language", "Translator", "load_texts", "resolve_language"]

Language = Literal["en", "ja"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


def resolve_language(requested: str | None = None) -> Language:
    """Return the requested language, or that of the locale: Japanese if the locale is Japanese, else English.

    :raises SettingsError: if the requested language has no texts.
    """
    if requested is None:
        locale = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
        return "ja" if locale.lower().startswith("ja") else "en"
    known: dict[str, Language] = {language: language for language in LANGUAGES}
    if requested not in known:
        raise SettingsError(unknown_choice_message("language", requested, LANGUAGES))
    return known[requested]


@cache
def load_texts(language: Language) -> Mapping[str, str]:
    """Read all texts of a language: key to text, with the placeholders of :meth:`str.format`."""
    path = files("ce_nas.report.i18n").joinpath("locale", f"{language}.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


class _CountingFormatter(Formatter):
    """Formats as :meth:`str.format` does; ``{count:GPU|GPUs}`` is the first form if the count is 1, else the second."""

    def format_field(self, value: object, format_spec: str) -> str:
        """See :meth:`string.Formatter.format_field`."""
        one, divider, many = format_spec.partition("|")
        if divider:
            return one if str(value) == "1" else many
        return str(super().format_field(value, format_spec))


_COUNTING = _CountingFormatter()


class Translator:
    """Looks up texts in one language.

    Example:
        >>> translate = Translator("en")
        >>> translate("notebook.more", count=3)
        'and 3 more'

    :param language: ``en`` or ``ja``; None: the language of the locale.
    :raises SettingsError: if the language has no texts.
    """

    def __init__(self, language: str | None = None) -> None:
        self.language = resolve_language(language)
        self._texts = load_texts(self.language)

    def __call__(self, key: str, **values: object) -> str:
        """Return the text of a key with its placeholders filled in."""
        text = self._texts[key]
        return _COUNTING.vformat(text, (), values) if "|" in text else text.format(**values)

    def stop_reason(self, stop: str) -> str:
        """Return the sentence that says why a run ended."""
        return self(f"stop.{stop}")

    def format_unique_functions(self, architectures: int, unique_functions: int) -> str:
        """Return the number of different functions in brackets; empty if every architecture computes its own."""
        return "" if unique_functions == architectures else self("functions", count=f"{unique_functions:,}")

    def join(self, parts: Iterable[str]) -> str:
        """Join the items of a list with the language's comma."""
        return self("comma").join(parts)
