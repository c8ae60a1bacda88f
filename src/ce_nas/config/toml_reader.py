"""TOML files."""

from __future__ import annotations

import difflib
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
    except FileNotFoundError as error:
        near = difflib.get_close_matches(path.name, [one.name for one in path.parent.glob("*.toml")], n=1)
        hint = f"did you mean {str(path.with_name(near[0]))!r}?" if near else "check the name and the folder."
        message = f"Expected {description} at {str(path)!r}, but there is no such file; {hint}"
        raise SettingsError(message) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        message = f"Expected {description} at {str(path)!r}, but it cannot be read ({reason})."
        raise SettingsError(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"Expected TOML in {str(path)!r}, but {error}."
        raise SettingsError(message) from error
