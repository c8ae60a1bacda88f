"""A run whose decisions rest on a live feed: what stood in for the grid is in its journal."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ce_nas.engine.build import build
from ce_nas.engine.engine import Engine
from ce_nas.engine.live_grid import live_memory
from ce_nas.engine.materials import Materials
from ce_nas.engine.settings import settings_from_flags
from ce_nas.grid.live.faults import SourceError
from ce_nas.grid.live.registry import live_feed
from ce_nas.grid.live.steps import Step
from ce_nas.store.journal import MemoryJournal


@pytest.fixture
def live_engine(tmp_path):
    """A simulated run of six hours over a file that grows stale two hours into it, as a live feed."""

    def make(journal, worst):
        hours = range(9 * 24 + 2)
        rows = [f"2022-03-{1 + hour // 24:02d}T{hour % 24:02d}:00,{200 + hour % 24}" for hour in hours]
        known = tmp_path / "known.csv"
        known.write_text("\n".join(["time,intensity", *rows]))
        whole = tmp_path / "whole.csv"
        more = [f"2022-03-10T{hour:02d}:00,300" for hour in range(2, 24)]
        whole.write_text("\n".join(["time,intensity", *rows, *more]))
        flags = {"trace": whole, "start": "2022-03-10T00:00", "hours": 6, "gpus": 2, "searcher": "uniform"}
        materials = Materials(settings_from_flags(**flags))
        engine = build(materials, journal)
        parts = engine.parts
        feed = live_feed(
            "file", file=known, now=lambda: materials.start + timedelta(seconds=parts.clock.now_s), worst=worst
        )
        memory = live_memory(feed, "known", materials.start, parts.clock, journal)
        return Engine(replace(parts, memory=memory), engine.plan)

    return make


def test_stale_data_are_forecast_and_each_step_down_is_written_down(live_engine):
    journal = MemoryJournal()
    live_engine(journal, Step.TYPICAL).run()
    notes = [entry for entry in journal.entries if entry.kind == "grid"]
    assert [note.at_s for note in notes] == [3 * 3600.0, 4 * 3600.0, 5 * 3600.0]
    first = notes[0].content
    assert (first["step"], first["values"], first["source"]) == ("forecast", 1, "file")
    assert first["start"] == "2022-03-10T02:00:00+00:00"
    assert notes[-1].content["age_s"] == 0.0
    assert notes[-1].content["values"] == 3


def test_a_strict_run_stops_instead(live_engine):
    journal = MemoryJournal()
    with pytest.raises(SourceError, match="fresh is the worst allowed"):
        live_engine(journal, Step.FRESH).run()
    assert [entry for entry in journal.entries if entry.kind == "grid"] == []
