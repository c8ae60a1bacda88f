import importlib
import re
from urllib.parse import urlsplit

import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.datasets.catalog import CATALOGUE, data_set
from ce_nas.datasets.importers.base import READERS


def test_every_data_set_has_a_reader_and_every_reader_a_data_set():
    assert {known.name for known in CATALOGUE} == set(READERS)
    for module in READERS.values():
        assert callable(importlib.import_module(f"ce_nas.datasets.{module}").read)


@pytest.mark.parametrize("known", CATALOGUE, ids=lambda known: known.name)
def test_a_data_set_says_where_it_comes_from_and_what_it_is_for(known):
    assert known.licence
    assert known.title
    assert known.use
    assert known.takes
    assert f"ce-nas data {'fetch' if known.sources else 'import'} {known.name}" in known.how_to_get
    for source in known.sources:
        url, name = source.at("CISO", None)
        assert urlsplit(url).scheme == "https"
        assert re.fullmatch(r"[\w.-]+", name)
        assert "{" not in url + name


def test_a_mirror_takes_the_place_of_the_official_folder():
    (source,) = data_set("hwnasbench").sources
    assert source.at("", "http://mirror/folder/") == (
        "http://mirror/folder/HW-NAS-Bench-v1_0.pickle",
        "HW-NAS-Bench-v1_0.pickle",
    )


def test_a_data_set_that_nobody_knows_is_said():
    with pytest.raises(SettingsError, match="Did you mean 'hwnasbench'"):
        data_set("hwnasbensh")
