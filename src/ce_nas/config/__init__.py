"""Settings of a run: written once as models, from which files, flags, keywords, help and documentation are made.

- schema: `Settings`, all settings of a run; `settings_from_flags`, `read_settings_file`
- site_schema: settings of the electricity, its prices, and the sites
- live_schema: settings of a search on real devices
- recipe_files: configurations that ship with the package
- without_effect: options that have no effect in the case at hand are refused
- flags: flags and keywords, from the fields of the settings
- settings_page: docs/settings.md
- toml_reader: TOML files
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.config.schema import Settings, read_settings_file, settings_from_flags

__all__ = ["Settings", "read_settings_file", "settings_from_flags"]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__, submod_attrs={"schema": ["Settings", "read_settings_file", "settings_from_flags"]}
)
