"""Damaged and hostile input: an error of our tree or a right result, never another exception.

``CE_NAS_TORTURE_INPUTS`` sets the number of inputs of each kind.
"""

import json
import os
import shutil
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ce_nas.analysis.summary import summarise
from ce_nas.api import Search
from ce_nas.apps.cli.doctor_run import check_run
from ce_nas.benchmarks.table_reader import read_table
from ce_nas.config.schema import Settings, settings_from_flags
from ce_nas.core.errors import CeNasError
from ce_nas.forecast.model_file import load_model
from ce_nas.grid.readers import read_trace
from ce_nas.policies.learned.policy_network import PolicyNetwork, read_policy, write_policy
from ce_nas.store.event_log import EventLog
from ce_nas.store.journal import SqliteJournal
from ce_nas.store.run_dir import read_run_entries

INPUTS = int(os.environ.get("CE_NAS_TORTURE_INPUTS", "40"))
many = settings(
    max_examples=INPUTS,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
edits = st.lists(
    st.tuples(st.integers(0, 10**6), st.sampled_from("rid"), st.binary(min_size=1, max_size=6)), max_size=8
)


def damage(content, changes):
    """Replace, insert or delete bytes at some places."""
    for place, kind, new in changes:
        at = place % (len(content) + 1)
        if kind == "r":
            content = content[:at] + new + content[at + len(new) :]
        elif kind == "i":
            content = content[:at] + new + content[at:]
        else:
            content = content[:at] + content[at + 7 * len(new) :]
    return content


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    journal = SqliteJournal(folder / "journal.sqlite")
    flags = {"hours": 2, "gpus": 2, "searcher": "random", "policy": "vanilla", "seed": 1}
    Search.from_settings(settings_from_flags(None, **flags))._run_engine(journal, None, None)
    journal.close()
    return folder


@pytest.mark.slow
@many
@given(changes=edits)
def test_journals(run, tmp_path, changes):
    whole = read_run_entries(run)
    shutil.copyfile(run / "journal.sqlite", tmp_path / "journal.sqlite")
    (tmp_path / "journal.sqlite").write_bytes(damage((run / "journal.sqlite").read_bytes(), changes))
    check_run(tmp_path)
    try:
        entries = read_run_entries(tmp_path)
        summarise(entries)
    except CeNasError:
        return
    assert entries == whole[: len(entries)]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("1e999"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=4,
)


@many
@given(data=st.data())
def test_configurations(data):
    section = data.draw(st.sampled_from([*Settings.model_fields, "unknown"]))
    model = getattr(Settings.model_fields.get(section), "annotation", None)
    names = list(getattr(model, "model_fields", {})) or ["name", "x"]
    tree = {section: data.draw(values | st.dictionaries(st.sampled_from(names), values, max_size=3))}
    try:
        settings_from_flags(tree)
    except CeNasError:
        return


HEAD = b"datetime,carbon_intensity_gco2eq_per_kwh\n"
TRACE = HEAD + b"".join(f"2021-01-{1 + n // 24:02d}T{n % 24:02d}:00Z,{200 + n}\n".encode() for n in range(96))
TABLE = b"op0,op1,train_s,accuracy,latency\n" + b"".join(
    f"{a},{b},{60 + n},{50 + n},{9 - n}\n".encode() for n, (a, b) in enumerate((a, b) for a in "xyz" for b in "uv")
)


@many
@given(changes=edits)
def test_traces(tmp_path, changes):
    (tmp_path / "trace.csv").write_bytes(damage(TRACE, changes))
    try:
        trace = read_trace(tmp_path / "trace.csv")
    except CeNasError:
        pass
    else:
        assert not np.isinf(trace.series.values).any()


@many
@given(changes=edits)
def test_tables(tmp_path, changes):
    (tmp_path / "table.csv").write_bytes(damage(TABLE, changes))
    try:
        table = read_table(tmp_path / "table.csv")
    except CeNasError:
        pass
    else:
        assert all(np.isfinite(metric.values).all() for metric in table.metrics.values())


@many
@given(changes=edits)
def test_policies(tmp_path, changes):
    from ce_nas.policies.learned.actions import ACTIONS
    from ce_nas.policies.learned.observation import FEATURE_NAMES

    shape = (len(FEATURE_NAMES), len(ACTIONS))
    network = PolicyNetwork([np.ones(shape, np.float32)], [np.ones(shape[1], np.float32)], True, {})
    write_policy(tmp_path / "policy.npz", network)
    (tmp_path / "policy.npz").write_bytes(damage((tmp_path / "policy.npz").read_bytes(), changes))
    try:
        read = read_policy(tmp_path / "policy.npz")
    except CeNasError:
        return
    assert np.array_equal(read.weights[0], network.weights[0])


@many
@given(content=st.binary(max_size=300) | values.map(lambda value: json.dumps(value).encode()))
def test_models_and_event_logs(tmp_path, content):
    (tmp_path / "model.json").write_bytes(content)
    with pytest.raises(CeNasError):
        load_model(tmp_path / "model.json")
    (tmp_path / "events.jsonl").write_bytes(content + b"\n")
    with suppress(CeNasError):
        EventLog(tmp_path / "events.jsonl")
