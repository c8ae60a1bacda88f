"""A live power cap, read from a file, logged and replayed."""

import math
import textwrap

import pytest

from ce_nas.api import Search
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError
from ce_nas.engine import live_power_cap
from ce_nas.engine.live_power_cap import LivePowerCap
from ce_nas.store.event_log import EventLog

OWN = """
    import os
    from pathlib import Path

    SPACE = {"width": [1, 2, 3], "depth": [1, 2]}
    OBJECTIVES = ["quality:max:0", "size:min:20"]


    def evaluate(architecture, fidelity, checkpoint):
        cap = checkpoint.folder.parents[2] / "cap"
        if cap.read_text() == "100000":  # the site allows nothing until this training is suspended
            _replace(cap, "0")
            while not checkpoint.should_stop():
                pass
            _replace(cap, "")
            return None
        return {"quality": architecture["width"], "size": architecture["depth"]}


    def _replace(path, text):
        part = path.with_suffix(".part")
        part.write_text(text)
        os.replace(part, path)
"""


def test_the_file_is_read_each_time_and_what_it_held_is_replayed(tmp_path):
    file, log = tmp_path / "cap", tmp_path / "events"
    signal, caps = LivePowerCap(file, EventLog(log), 60.0), []
    for text in ("1500", "", " 900.5 \n", "none"):
        file.write_text(text)
        caps.append(signal.lowest_w(0.0, 0.0))
    assert caps == [1500.0, math.inf, 900.5, math.inf]
    file.write_text("1")
    replayed = LivePowerCap(file, EventLog(log), 60.0)
    assert [replayed.lowest_w(0.0, 0.0) for _ in range(5)] == [*caps, 1.0]
    assert signal.changes_between(0.0, 200.0) == [60.0, 120.0, 180.0]


def test_a_file_that_cannot_be_read_leaves_the_last_cap_and_is_told_of_once(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(live_power_cap._log, "warning", lambda text, *parts: said.append(text % parts))
    file = tmp_path / "cap"
    file.write_text("1500")
    signal = LivePowerCap(file, EventLog(), 60.0)
    assert signal.lowest_w(0.0, 0.0) == 1500.0
    for text in ("much", "-5", "nan watts"):
        file.write_text(text)
        assert signal.lowest_w(0.0, 0.0) == 1500.0
    file.unlink()
    assert signal.lowest_w(0.0, 0.0) == 1500.0
    assert len(said) == 1
    assert "the last cap, 1500 W, stays" in said[0]


def test_a_live_search_follows_the_signal_and_loses_no_task(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    own, cap = tmp_path / "own.py", tmp_path / "cap"
    own.write_text(textwrap.dedent(OWN))
    cap.write_text("100000")
    base = {"power": {"cap_signal": str(cap), "cap_poll": "600s"}, "live": {"devices": ["cpu"]}}
    flags = {"live": True, "evaluate": own, "gpus": 1, "hours": 900, "searcher": "random", "policy": "vanilla"}
    flags = {name: value for name, value in flags.items() if name != "live"}
    settings = settings_from_flags(base, **flags, live=True, time_scale=2000.0, evaluations=3)
    result = Search.from_settings(settings).run(tmp_path / "run")
    kinds = [entry.kind for entry in result.entries]
    caps = [entry.content["cap_w"] for entry in result.entries if entry.kind == "power_limited"]
    assert result.summary.evaluations == 3
    assert kinds.count("task_suspended") == 1
    assert caps == [100000.0, 0.0, None]


def test_a_signal_needs_a_live_search(tmp_path):
    with pytest.raises(SettingsError, match=r"power\.cap_signal has no effect without a search on real devices"):
        settings_from_flags({"power": {"cap_signal": str(tmp_path / "cap")}})
