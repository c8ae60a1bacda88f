"""TOML files."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_toml"]


def read_toml(path: Path, description: str) -> dict[str, Any]:
    """The content of a TOML file; a byte order mark at its start is skipped.

    :param description: what the file is, for the error: "a configuration file".
    :raises SettingsError: if it cannot be read, or holds something else.
    """
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        message = f"Expected {description} at {str(path)!r}, but {error.strerror or error}."
        raise SettingsError(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"Expected TOML in {str(path)!r}, but {error}."
        raise SettingsError(message) from error
