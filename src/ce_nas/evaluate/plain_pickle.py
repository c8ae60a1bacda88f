"""Pickles of plain containers and numbers, opened without running anything that they bring along."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import NoReturn

__all__ = ["load_plain"]


class _PlainUnpickler(pickle.Unpickler):
    """Knows no class and no function, so that a hostile file can name none."""

    def find_class(self, module: str, name: str) -> NoReturn:
        message = f"it asks for {module}.{name}, and only plain containers, text and numbers are accepted"
        raise pickle.UnpicklingError(message)


def load_plain(path: Path) -> Any:  # noqa: ANN401 - whatever plain content the file holds
    """The content of a pickle that holds dicts, lists, tuples, text and numbers only.

    :raises DataError: if the file cannot be read or asks for anything else.
    """
    try:
        with path.open("rb") as file:
            return _PlainUnpickler(file).load()
    except Exception as error:  # whatever the opcode that the broken bytes happen to be raises
        message = f"Expected a pickle of plain containers in {path}, but {error}; get the file anew from its source."
        raise DataError(message) from error
