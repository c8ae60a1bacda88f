"""Files that people write."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_toml"]


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """The content of a TOML file.

    :param what: what the file is, for the error: "a configuration file".
    :raises SettingsError: if it cannot be read, or holds something else.
    """
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        message = f"Expected {what} at {str(path)!r}, but {error.strerror or error}."
        raise SettingsError(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"Expected TOML in {str(path)!r}, but {error}."
        raise SettingsError(message) from error
