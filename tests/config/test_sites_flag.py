"""Sites that are stated by their zones alone."""

from __future__ import annotations

import pytest

from ce_nas.config.schema import Settings, settings_from_flags
from ce_nas.core.errors import SettingsError


def _sites(settings):
    return settings.grid.zone, settings.site.name, [(other.name, other.zone) for other in settings.site.others]


def test_the_first_zone_is_home():
    assert _sites(settings_from_flags(sites="solar, hydro,wind")) == (
        "solar",
        "solar",
        [("hydro", "hydro"), ("wind", "wind")],
    )


def test_a_stated_zone_is_home_wherever_it_is_named():
    for zones in ("hydro,wind", "hydro,solar,wind"):
        assert _sites(settings_from_flags(zone="solar", sites=zones))[0::2] == (
            "solar",
            [("hydro", "hydro"), ("wind", "wind")],
        )


def test_a_trace_is_home(tmp_path):
    settings = settings_from_flags(trace=str(tmp_path / "home.csv"), sites="hydro,wind")
    assert _sites(settings) == (None, "home", [("hydro", "hydro"), ("wind", "wind")])


def test_one_site_is_refused():
    with pytest.raises(SettingsError, match="two sites or more"):
        settings_from_flags(sites="solar")


def test_tables_and_names_of_other_sites_are_the_same():
    named = Settings(site={"others": "hydro,wind"})
    assert named == Settings(site={"others": [{"name": "hydro", "zone": "hydro"}, {"name": "wind", "zone": "wind"}]})
