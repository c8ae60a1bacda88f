import pytest

from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError
from ce_nas.engine.build_live import live_facts
from ce_nas.engine.inputs import Materials
from ce_nas.grid.providers.errors import ZoneError

pytest.importorskip("httpx", reason="live sources need the extra live")


def materials(**flags):
    return Materials(settings_from_flags(live=True, grid="uk", **{"zone": "GB", **flags}))


def test_a_live_source_that_needs_no_key_is_made_and_says_what_it_counts():
    facts = live_facts(materials().feed, "GB")
    assert (facts["zone"], facts["factors"], facts["origin"]) == ("GB", "direct", "live, uk")
    assert (facts["sha256"], facts["synthetic"]) == (None, False)


def test_a_search_on_a_live_grid_is_no_demonstration():
    settings = materials().settings
    assert settings.live.time_scale == 1.0
    assert settings.policy.name == "look-ahead"


def test_an_unknown_zone_is_said_before_anything_is_written():
    with pytest.raises(ZoneError, match="Atlantis"):
        materials(zone="Atlantis").check()


def test_a_missing_key_is_said(monkeypatch):
    monkeypatch.delenv("EIA_API_KEY", raising=False)
    with pytest.raises(SettingsError, match="EIA_API_KEY"):
        Materials(settings_from_flags(live=True, grid="eia", zone="CISO")).check()
