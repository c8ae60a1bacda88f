"""Each tracker, run for real, and read back."""

import sys

import pytest

import ce_nas
from ce_nas.core.errors import MissingExtraError
from ce_nas.integrations.trackers import MlflowTracker, TensorBoardTracker, Tracker, WandbTracker

SETTINGS = {"searcher": "random", "policy": "vanilla", "gpus": 2, "hours": 3}
pytestmark = pytest.mark.filterwarnings("ignore")


class Kept(Tracker):
    def __init__(self):
        super().__init__()
        self.rows = {}

    def log(self, metrics, step):
        self.rows[step] = dict(metrics)


@pytest.fixture(scope="module")
def search():
    kept = Kept()
    result = ce_nas.Search(**SETTINGS).run(observer=kept)
    return result, kept.rows


def test_the_last_period_has_the_sums_of_the_run(search):
    result, rows = search
    last = rows[max(rows)]
    assert last["carbon_g"] == pytest.approx(result.summary.carbon_g["full"])
    assert last["energy_kwh"] == pytest.approx(result.summary.energy_j / 3.6e6)
    assert last["trainings"] == result.summary.evaluations
    assert last["hypervolume"] == result.summary.hypervolume
    assert sorted(rows) == list(range(len(rows)))


def test_a_resumed_run_logs_the_same_again(search, tmp_path):
    class StoppedError(Exception):
        pass

    def stop(period):
        if period["period"] == 1:
            raise StoppedError

    with pytest.raises(StoppedError):
        ce_nas.Search(**SETTINGS).run(tmp_path / "run", stop)
    kept = Kept()
    ce_nas.resume(tmp_path / "run", kept)
    assert kept.rows == search[1]


def test_mlflow_keeps_every_period(search, tmp_path, monkeypatch):
    tracking = pytest.importorskip("mlflow.tracking", reason="needs the extra mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # newer versions ask for a database otherwise
    uri = (tmp_path / "mlruns").as_uri()
    with MlflowTracker(uri, "an experiment", "a run") as tracker:
        ce_nas.Search(**SETTINGS).run(observer=tracker)
    client = tracking.MlflowClient(tracking_uri=uri)
    history = {metric.step: metric.value for metric in client.get_metric_history(tracker.run_id, "carbon_g")}
    assert history == {step: pytest.approx(row["carbon_g"]) for step, row in search[1].items()}
    assert client.get_run(tracker.run_id).info.status == "FINISHED"


@pytest.mark.long
def test_wandb_writes_its_files_offline(search, tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb", reason="needs the extra wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    with WandbTracker("a-project", "offline", tmp_path) as tracker:
        ce_nas.Search(**SETTINGS).run(observer=tracker)
    wandb.teardown()  # its service writes until then
    [file] = tmp_path.glob("wandb/offline-run-*/*.wandb")
    content = file.read_bytes()
    assert b"carbon_g" in content
    for row in search[1].values():
        assert repr(row["carbon_g"]).encode() in content


def test_tensorboard_reads_its_event_files(search, tmp_path):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="needs the extra tensorboard"
    )
    with TensorBoardTracker(tmp_path) as tracker:
        ce_nas.Search(**SETTINGS).run(observer=tracker)
    events = accumulator.EventAccumulator(str(tmp_path))
    events.Reload()
    tags = events.Tags()
    assert "carbon_g" in [*tags["scalars"], *tags["tensors"]]
    steps = [event.step for event in events.Tensors("carbon_g")]
    assert steps == sorted(search[1])
    last = events.Tensors("carbon_g")[-1].tensor_proto
    value = last.float_val[0] if last.float_val else __import__("numpy").frombuffer(last.tensor_content, "<f4")[0]
    assert value == pytest.approx(search[0].summary.carbon_g["full"], rel=1e-5)


def test_a_budget_is_tracked(make_budget, fake_time):
    kept = Kept()
    budget = make_budget("50kg")
    budget.observer = kept
    with budget:
        for _ in range(5):
            fake_time.advance(1800)
            budget.check()
    assert kept.rows[max(kept.rows)]["carbon_g"] == pytest.approx(budget.used.carbon_g)


@pytest.mark.parametrize(
    ("module", "make", "extra"),
    [
        ("mlflow.tracking", MlflowTracker, "mlflow"),
        ("wandb", WandbTracker, "wandb"),
        ("tensorboard.summary", lambda: TensorBoardTracker("x"), "tensorboard"),
    ],
)
def test_a_missing_package_is_one_sentence(module, make, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'ce-nas\[{extra}\]'"):
        make()
