import collections
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from importlib.util import find_spec

import pytest

from ce_nas.api import Search, resume
from ce_nas.cluster.workers.base import WorkerPool
from ce_nas.components.registry import METERS
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import ReadingSource
from ce_nas.energy.base import EnergyMeter, MeterSnapshot
from ce_nas.energy.power_model import PowerModel
from ce_nas.engine.build import build_searcher
from ce_nas.engine.build_live import _build_meters, _device_power, build_live_problem, resolve_devices
from ce_nas.engine.inputs import RunInputs
from ce_nas.engine.live_inputs import live_grid_metadata, require_use_of_samples, sampling_limit
from ce_nas.grid.providers.provider_errors import ZoneError
from ce_nas.store.run_dir import read_run_entries

OWN = """
import json

SPACE = {"width": [1, 2, 3, 4], "depth": [1, 2, 3, 4], "kind": ["a", "b", "c"]}
OBJECTIVES = ["quality:max:0", "size:min:20"]


def evaluate(architecture, fidelity, checkpoint):
    import threading
    done = checkpoint.folder / "done.json"
    steps = json.loads(done.read_text()) if done.exists() else 0
    while steps < 4:
        if checkpoint.should_stop():
            return None
        threading.Event().wait(0.01)
        steps += 1
        done.write_text(json.dumps(steps))
        with (checkpoint.folder / "log").open("a") as log:
            log.write("step\\n")
    size = architecture["width"] * architecture["depth"]
    return {"quality": 10 * size ** 0.5 - "abc".index(architecture["kind"]), "size": size}
"""


@pytest.fixture
def own(tmp_path):
    file = tmp_path / "own.py"
    file.write_text(OWN)
    return file


def flags(own, **stated):
    """A search that ends when all 48 architectures are trained; the time is there for processes that start slowly."""
    defaults = {"live": True, "evaluate": own, "gpus": 2, "hours": 60, "time_scale": 2000.0, "seed": 0}
    return {**defaults, "searcher": "random", "policy": "vanilla", **stated}


@pytest.fixture(autouse=True)
def without_gpus(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def assert_trained_once(result, folder):
    """Every training is reported once, and every step of it run once; returns the trainings."""
    evaluated = [entry.content["task"] for entry in result.entries if entry.kind == "evaluated"]
    assert max(collections.Counter(evaluated).values()) == 1
    steps = {task: len((folder / "work" / f"task-{task}" / "log").read_text().splitlines()) for task in evaluated}
    assert set(steps.values()) == {4}
    return evaluated


def test_a_user_function_is_searched_on_real_processes(own, tmp_path):
    result = Search(**flags(own)).run(tmp_path / "run")
    assert len(assert_trained_once(result, tmp_path / "run")) == result.summary.evaluations > 5
    assert result.summary.stop == "exhausted"
    assert set(result.summary.energy_j_by_source) == {"modelled"}
    assert result.summary.energy_j > 0
    best = result.summary.front[0]
    assert best.objectives["size"] <= 16
    assert "own.py" in result.summary.benchmark["origin"]


def test_a_live_run_needs_a_folder(own):
    with pytest.raises(SettingsError, match="folder"):
        Search(**flags(own)).run()


SCRIPT = """
from pathlib import Path
from ce_nas.api import Search
if __name__ == "__main__":
    Search(live=True, evaluate=Path({own!r}), gpus=2, hours=60, time_scale=2000.0, searcher="random", seed=0,
             policy="vanilla").run(Path({run!r}), durable=True)
"""


@pytest.mark.long
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_resumes_without_loss_or_double_counting(own, tmp_path, how):
    run = tmp_path / "run"
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT.format(own=str(own), run=str(run))))
    process = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.DEVNULL)
    event_log = run / "events.jsonl"
    for _ in range(1200):
        if event_log.exists() and event_log.read_text().count('"finished"') >= 3:
            break
        time.sleep(0.05)
    process.send_signal(how)
    process.wait()
    before = read_run_entries(run)
    result = resume(run)
    assert result.entries[: len(before)] == before
    assert_trained_once(result, run)
    assert result.summary.evaluations > 3
    booked_s = sum(result.summary.device_hours_by_activity.values()) * 3600
    assert booked_s == pytest.approx(2 * result.summary.simulated_hours * 3600 / 2000.0)
    assert not _alive(process.pid)


def _alive(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def test_devices_are_cpu_processes_without_gpus(own):
    settings = Search(**flags(own, gpus=1)).settings
    assert settings.live.devices == ("cpu",)
    assert settings.cluster.gpus == 1


def test_the_demonstration_is_only_the_default():
    assert settings_from_flags(live=True).budget.time_s == 4 * 3600
    assert settings_from_flags(live=True).live.time_scale == 60
    assert settings_from_flags(live=True, hours=2, time_scale=1).budget.time_s == 2 * 3600
    assert settings_from_flags(live=True, data="elsewhere").budget.time_s == 80 * 3600
    assert settings_from_flags().live.time_scale == 1


def test_worker_pools_on_other_machines_get_the_gpus_asked_for(own):
    assert Search(**flags(own, workers="ray")).settings.live.devices == ("cuda", "cuda")


def test_fair_paths_are_refused_for_darts(tmp_path):
    settings = settings_from_flags({"live": {"path_sampling": "fair"}}, live=True, space="darts")
    with pytest.raises(SettingsError, match=r"uniform paths in darts"):
        Search.from_settings(settings).run(tmp_path / "run")
    assert not (tmp_path / "run").exists()


needs_live = pytest.mark.skipif(find_spec("httpx") is None, reason="providers on the network need the extra live")


def live_grid_inputs(**flags):
    return RunInputs(settings_from_flags(live=True, provider="uk", **{"zone": "GB", **flags}))


@needs_live
def test_a_provider_without_key_states_its_factors():
    facts = live_grid_metadata(live_grid_inputs().provider, "GB")
    assert (facts["zone"], facts["factors"], facts["origin"]) == ("GB", "direct", "live, uk")
    assert (facts["sha256"], facts["synthetic"]) == (None, False)


@needs_live
def test_a_live_grid_is_no_demonstration():
    settings = live_grid_inputs().settings
    assert settings.live.time_scale == 1.0
    assert settings.policy.name == "look-ahead"


@needs_live
def test_an_unknown_zone_is_refused_before_the_run():
    with pytest.raises(ZoneError, match="Atlantis"):
        live_grid_inputs(zone="Atlantis").validate()


@needs_live
def test_a_missing_provider_key_is_named(monkeypatch):
    monkeypatch.delenv("EIA_API_KEY", raising=False)
    with pytest.raises(SettingsError, match="EIA_API_KEY"):
        RunInputs(settings_from_flags(live=True, provider="eia", zone="CISO")).validate()


class Pool(WorkerPool):
    """Workers with processes of this machine, or elsewhere."""

    origin, open, start, preempt, close = "pool", None, None, None, None

    def __init__(self, pids):
        self.devices, self.is_local, self._pids = len(pids), any(pids), pids

    def process_id(self, device):
        return self._pids[device]


class Host(EnergyMeter):
    source, origin, energy_j = ReadingSource.COUNTER, "host", 0.0

    def snapshot(self):
        return MeterSnapshot(0.0, self.energy_j, 0.0)


def test_a_host_is_booked_once_over_its_devices(monkeypatch):
    host = Host()
    monkeypatch.setattr("ce_nas.energy.rapl.has_rapl", lambda: True)
    monkeypatch.setattr("ce_nas.energy.rapl.RaplMeter", lambda: host)
    meters = _build_meters(METERS.validate("auto"), ["cpu"] * 4, Pool([1, 2, 3, 4]))
    host.energy_j = 100.0
    assert [meter.snapshot().energy_j for meter in meters] == [25.0] * 4


def test_devices_of_one_process_divide_its_cpu_time():
    meters = _build_meters(METERS.validate("modelled"), ["cpu"] * 2, Pool([os.getpid()] * 2))
    assert all("divided between the devices held" in meter.origin for meter in meters)
    for meter in meters:
        meter.close()


def test_workers_elsewhere_have_no_meter_here():
    assert _build_meters(METERS.validate("auto"), ["cpu"] * 2, Pool([None, None])) == [None, None]


def test_stated_wattages_come_before_a_device_s_own_limit():
    assert _device_power(["cpu"], PowerModel(training_w=99.0, origin="stated in the settings")) is None
    (power,) = _device_power(["cpu"], PowerModel())
    assert power.limit_w != PowerModel().peak_w


def test_devices_of_a_trial_are_one_device_of_the_search(own):
    def resolved(**live):
        return resolve_devices(
            settings_from_flags(
                {"live": live},
                live=True,
                **{name: value for name, value in flags(own, gpus=5).items() if name != "live"},
            )
        )

    settings = resolved(devices=["cuda:0", "cuda:1", "cuda:2", "cuda:3", "cuda:4"], devices_per_trial=2)
    assert settings.live.devices == ("cuda:0+cuda:1", "cuda:2+cuda:3")
    assert settings.cluster.gpus == 4
    assert resolve_devices(settings) == settings  # as when it is resumed
    assert resolved(workers="ray", devices_per_trial=2).live.devices == ("cuda:0+cuda:1",) * 2
    with pytest.raises(SettingsError, match="at least 4 devices"):
        resolved(devices=["cuda:0"], devices_per_trial=4)
    networks = settings_from_flags({"live": {"devices_per_trial": 2, "devices": ["cpu", "cpu"]}}, live=True)
    with pytest.raises(SettingsError, match=r"live\.evaluate with live\.devices_per_trial"):
        resolve_devices(networks)


@pytest.mark.slow
def test_a_trial_on_two_devices_is_accounted_for_as_two(tmp_path):
    """Times, prices and allocations count both; its energy is that of both processes."""
    own = tmp_path / "own.py"
    own.write_text(
        'SPACE = {"width": [1, 2, 3], "depth": [1, 2]}\nOBJECTIVES = ["quality:max:0", "size:min:20"]\n\n\n'
        'def evaluate(architecture):\n    return {"quality": architecture["width"], "size": architecture["depth"]}\n'
    )
    live = {"devices": ["cpu", "cpu"], "devices_per_trial": 2, "initial_duration": "1min"}
    stated = {"evaluations": 2, "gpu_hour_price": 3.0, "gpu_hours": 100_000, "time_scale": 50.0}
    search = Search.from_settings(settings_from_flags({"live": live}, **flags(own, **stated)))
    result = search.run(tmp_path / "run")
    readings = [
        event
        for event in map(json.loads, (tmp_path / "run" / "events.jsonl").read_text().splitlines())
        if event[0] == "energy_reading"
    ]
    (allocation, *_) = [entry.content["allocation"] for entry in result.entries if entry.kind == "allocated"]
    hours = sum(result.summary.device_hours_by_activity.values())
    assert (result.summary.gpus, allocation["evaluating"], result.summary.evaluations) == (2, 2, 2)
    assert hours == pytest.approx(2 * readings[-1][1] / 50.0 / 3600.0, rel=1e-3)
    assert result.summary.cost == pytest.approx(3.0 * hours)
    assert result.summary.energy_j == pytest.approx(1.56 * sum(content[0] for _, _, content in readings))


class LimitedNvml:
    """Two GPUs whose power limits may be set."""

    class NVMLError(Exception):
        pass

    def __init__(self):
        self.limits_mw = {"GPU-0": 300_000, "GPU-1": 300_000}
        reads = self.limits_mw.__getitem__
        self.nvmlDeviceGetCount = lambda: 2
        self.nvmlDeviceGetHandleByIndex = "GPU-{}".format
        self.nvmlDeviceGetHandleByUUID = self.nvmlDeviceGetUUID = str
        self.nvmlDeviceGetName = lambda _: "V100"
        self.nvmlDeviceGetPowerManagementLimit = reads
        self.nvmlDeviceGetPowerManagementDefaultLimit = lambda _: 300_000
        self.nvmlDeviceGetPowerManagementLimitConstraints = lambda _: [100_000, 300_000]
        self.nvmlDeviceSetPowerManagementLimit = self.limits_mw.__setitem__


def test_the_power_limits_of_a_trial_s_gpus_are_set_where_that_can_be_done(monkeypatch, tmp_path):
    from types import SimpleNamespace

    from ce_nas.energy import gpu_limits, nvml
    from ce_nas.energy.power_profile import PowerProfile
    from ce_nas.engine.build_live import _open_gpu_limits

    gpus = LimitedNvml()
    monkeypatch.setattr(nvml, "load_nvml", lambda: gpus)
    monkeypatch.setattr(gpu_limits.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(gpu_limits, "_start_guard", lambda _: SimpleNamespace(stdin=None, wait=lambda _: None))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    inputs = SimpleNamespace(power_profile=PowerProfile.builtin("v100"))
    local, remote = SimpleNamespace(is_local=True), SimpleNamespace(is_local=False)
    limits = _open_gpu_limits(inputs, ("cuda:0+cuda:1",), local)
    limits.apply(inputs.power_profile.at(200.0))
    assert gpus.limits_mw == {"GPU-0": 240_000, "GPU-1": 240_000}  # 200 of 250 W is 240 of 300 W
    limits.close()
    assert gpus.limits_mw == {"GPU-0": 300_000, "GPU-1": 300_000}
    assert "this machine's own workers" in _open_gpu_limits(inputs, ("cuda",), remote)
    assert "only GPUs have one, got cpu" in _open_gpu_limits(inputs, ("cpu", "cpu"), local)
    assert "cuda:7" in _open_gpu_limits(inputs, ("cuda:7",), local)
    assert _open_gpu_limits(SimpleNamespace(power_profile=None), ("cuda:0",), local) is None


def network_inputs(**flags):
    live = {"enabled": True, "data": "digits", "supernet": False, **flags.pop("live", {})}
    return RunInputs(settings_from_flags(objectives="accuracy,latency", live=live, zone="solar", **flags))


@pytest.mark.skipif(find_spec("torch") is None, reason="the built-in networks need the extra torch")
@pytest.mark.parametrize(
    ("flags", "costs_alone", "trained"),
    [
        ({"searcher": "surrogate"}, True, [True, False]),
        ({"searcher": "random"}, False, [True, False]),  # it would rank by latency alone
        ({"searcher": "surrogate", "policy": "vanilla"}, False, [True, False]),
        ({"searcher": "surrogate", "live": {"latency_samples": 0}}, False, None),
        ({"searcher": "surrogate", "live": {"supernet": True}}, False, [True, False]),  # it comes with the scores
    ],
)
def test_latencies_are_measured_before_trainings_where_the_searcher_uses_them(flags, costs_alone, trained):
    inputs = network_inputs(**flags)
    searcher = build_searcher(inputs)
    problem = build_live_problem(inputs, searcher)
    assert problem.measures_costs is costs_alone
    assert problem.score_trained_architectures is inputs.settings.live.supernet
    assert inputs.requires_training == trained
    assert sampling_limit(inputs.settings, costs_alone=costs_alone) == (64 if costs_alone else 1500)


@pytest.mark.skipif(find_spec("torch") is None, reason="the built-in networks need the extra torch")
def test_latency_samples_that_the_searcher_would_not_use_are_refused(tmp_path):
    live = {"enabled": True, "data": "digits", "supernet": False}
    flags = {"objectives": "accuracy,latency", "zone": "solar", "searcher": "random"}
    folder = tmp_path / "run"
    with pytest.raises(SettingsError, match="latency_samples has no effect with the searcher random"):
        Search(live=live | {"latency_samples": 8}, **flags).run(folder)
    assert not folder.exists()
    for samples, searcher in ((0, "random"), (64, "random"), (8, "surrogate")):
        inputs = network_inputs(searcher=searcher, live={"latency_samples": samples})
        require_use_of_samples(inputs, build_searcher(inputs))


@pytest.mark.slow
@pytest.mark.skipif(find_spec("torch") is None, reason="the built-in networks need the extra torch")
def test_a_search_knows_latencies_before_its_first_training_and_pays_for_them(tmp_path):
    """A resumed search goes on as if it had never ended."""
    live = {"enabled": True, "supernet": False, "channels": 4, "latency_samples": 6, "recipe": {"epochs": 1}}
    flags = {"searcher": "surrogate", "objectives": "accuracy,latency", "zone": "coal-flat", "hours": 1, "gpus": 1}
    policy, schedule = {"name": "look-ahead", "scores_first": True}, {"sampling_batch": 3, "samples_per_training": 1}
    search = Search(live=live, policy=policy, evaluations=3, schedule=schedule, time_scale=1.0, **flags)
    result = search.run(tmp_path / "run")
    kinds = [entry.kind for entry in result.entries if entry.kind in {"sampled", "evaluated"}]
    assert kinds.count("evaluated") == 3
    assert kinds[:2] == ["sampled", "sampled"]
    first = next(entry.content for entry in result.entries if entry.kind == "sampled")
    assert all(accuracy is None and latency > 0 for accuracy, latency in first["values"])
    assert result.summary.energy_j_by_activity["sampling"] > 0
    assert resume(tmp_path / "run").entries == result.entries
