import importlib
import re
from urllib.parse import urlsplit

import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.datasets.catalog import CATALOG, find_catalog_entry
from ce_nas.datasets.importers.base import IMPORTER_MODULES


def test_every_data_set_has_an_importer():
    assert {entry.name for entry in CATALOG} == set(IMPORTER_MODULES)
    for module in IMPORTER_MODULES.values():
        assert callable(importlib.import_module(f"ce_nas.datasets.importers.{module}").convert_files)


@pytest.mark.parametrize("entry", CATALOG, ids=lambda entry: entry.name)
def test_entries_state_licence_source_and_use(entry):
    assert entry.licence
    assert entry.title
    assert entry.usage
    assert entry.expected_files
    assert f"ce-nas data {'fetch' if entry.sources else 'import'} {entry.name}" in entry.how_to_get
    for source in entry.sources:
        url, name = source.resolve("CISO", None)
        assert urlsplit(url).scheme == "https"
        assert re.fullmatch(r"[\w.-]+", name)
        assert "{" not in url + name


def test_a_mirror_replaces_the_official_url():
    (source,) = find_catalog_entry("hwnasbench").sources
    assert source.resolve("", "http://mirror/folder/") == (
        "http://mirror/folder/HW-NAS-Bench-v1_0.pickle",
        "HW-NAS-Bench-v1_0.pickle",
    )


def test_an_unknown_data_set_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsError, match="Did you mean 'hwnasbench'"):
        find_catalog_entry("hwnasbensh")
