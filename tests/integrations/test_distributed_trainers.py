"""The callbacks in two processes of a distributed training on this machine's processor."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("ignore")]

PREAMBLE = """
import json, os, sys, time, warnings
warnings.simplefilter("ignore")
import torch
from ce_nas import PauseRule
folder, rank = sys.argv[1], int(os.environ["RANK"])
SETTINGS = dict(grid="coal", meter="modelled", forecaster="damped-profile", every_s=0, out=f"{folder}/books-{rank}")

TIMES = []

def burn():
    start_s = time.process_time()
    while time.process_time() - start_s < 0.05:
        pass
    TIMES.append((time.monotonic(), time.process_time()))

def longest_gap():
    gaps = [(after[0] - before[0], after[1] - before[1], number)
            for number, (before, after) in enumerate(zip(TIMES, TIMES[1:]))]
    gap_s, cpu_s, number = max(gaps)
    return dict(gap_s=gap_s, gap_cpu_s=cpu_s, gap_after=number, steps=len(TIMES), cpu_s=sum(gap[1] for gap in gaps))

def tell(**found):
    with open(f"{folder}/rank-{rank}.json", "w") as file:
        json.dump(found, file)
"""

LIGHTNING = (
    PREAMBLE
    + """
import lightning.pytorch as pl
from ce_nas.integrations.lightning_callback import LightningCarbonCallback

class Line(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch, _):
        burn()
        return ((self.layer(batch) - 2 * batch) ** 2).mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

def train(callback):
    trainer = pl.Trainer(max_epochs=EPOCHS, callbacks=[callback], default_root_dir=folder, logger=False,
        enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False, accelerator="cpu",
        devices=2, strategy="ddp")
    trainer.fit(Line(), torch.utils.data.DataLoader(torch.linspace(-1, 1, 8)[:, None], batch_size=2))
    return trainer.global_step

Callback = LightningCarbonCallback
"""
)

HUGGING_FACE = (
    PREAMBLE
    + """
import transformers
from ce_nas.integrations.transformers_callback import TransformersCarbonCallback

class Line(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def forward(self, x, labels):
        burn()
        return {"loss": ((self.layer(x) - labels) ** 2).mean()}

def train(callback):
    points = [{"x": torch.tensor([value]), "labels": torch.tensor([2 * value])} for value in (-1.0, -0.5, 0.5, 1.0)]
    arguments = transformers.TrainingArguments(folder, num_train_epochs=2 * EPOCHS, per_device_train_batch_size=1,
        save_strategy="no", logging_steps=5, report_to=[], use_cpu=True, disable_tqdm=True, ddp_backend="gloo")
    trainer = transformers.Trainer(model=Line(), args=arguments, train_dataset=points, callbacks=[callback])
    trainer.train()
    return trainer.state.global_step

Callback = TransformersCarbonCallback
"""
)

TO_THE_BUDGET = """
EPOCHS = 200
callback = Callback("0.1g", **SETTINGS)
steps = train(callback)
tell(steps=steps, reason=callback.training.stop_reason, used_g=callback.budget.used.carbon_g if rank == 0 else None)
"""
TO_A_PAUSE = """
EPOCHS = 200
callback = Callback("5kg", **SETTINGS, pause=PauseRule(max_g_per_kwh=1, max_wait="3s"), when_dirty="stop")
steps = train(callback)
tell(steps=steps, reason=callback.training.stop_reason)
"""
THROUGH_A_PAUSE = """
EPOCHS = 10

class DirtyFromTheThirdStep(PauseRule):
    def why_wait(self, books):
        return "dirty" if len(TIMES) >= 3 else None

callback = Callback("5kg", **SETTINGS, pause=DirtyFromTheThirdStep(max_g_per_kwh=1, max_wait="4s"))
steps = train(callback)
summary = callback.budget.result.summary if rank == 0 else None
tell(**longest_gap(), global_steps=steps, books=None if summary is None else dict(
    idle_s=3600 * summary.device_hours_by_activity["idle"], energy_j=summary.energy_j_by_activity,
    carbon_g=summary.carbon_g["full"], energy=summary.energy_j))
"""
WITH_AN_ERROR = """
EPOCHS = 200
callback = Callback("5kg", **SETTINGS)
if rank == 0:
    def fail():
        if len(TIMES) > 2:
            raise OSError("the meter is gone")
    callback.training.why_pause = fail
try:
    train(callback)
except Exception as error:
    tell(error=str(error))
"""


def run(folder, script):
    path = folder / "train.py"
    path.write_text(script)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", path, folder]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, timeout=540, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads((folder / f"rank-{rank}.json").read_text()) for rank in (0, 1)]


@pytest.fixture(params=["lightning", "hf"])
def script(request):
    needed = ["torch", "lightning.pytorch"] if request.param == "lightning" else ["torch", "transformers", "accelerate"]
    for name in needed:
        pytest.importorskip(name, reason="needs the extra of the trainer")
    return LIGHTNING if request.param == "lightning" else HUGGING_FACE


def test_two_processes_stop_together_and_one_of_them_meters(tmp_path, script):
    first, second = run(tmp_path, script + TO_THE_BUDGET)
    assert first["reason"] == "The carbon budget is used."
    assert 1 <= first["steps"] == second["steps"] < 800
    assert first["used_g"] > 0
    assert (tmp_path / "books-0" / "journal.sqlite").exists()
    assert not (tmp_path / "books-1").exists()  # grams are counted once
    paused = tmp_path / "paused"
    paused.mkdir()
    first, second = run(paused, script + TO_A_PAUSE)
    assert first["steps"] == second["steps"] == 1
    assert first["reason"] == second["reason"] == "The grid is dirtier than the rule allows."


def test_two_processes_pause_at_a_checkpoint_and_go_on_together(tmp_path, script):
    """A 4 s pause in the third step; the counted energy is that of both processes, and of the pause idle alone."""
    first, second = run(tmp_path, script + THROUGH_A_PAUSE)
    for rank in (first, second):
        assert rank["gap_s"] >= 4.0
        assert rank["steps"] == first["global_steps"] >= 20
        assert rank["gap_after"] == 2  # after its third step
        assert rank["gap_cpu_s"] < 2.0  # the checkpoint is written, and nothing is computed while it waits
    assert first["global_steps"] == second["global_steps"]
    assert list(tmp_path.glob("carbon-pause.ckpt")) or list(tmp_path.glob("checkpoint-*"))
    books = first["books"]
    assert books["idle_s"] == pytest.approx(4.0, abs=3.0)
    least_j = 1.56 * 5.0 * books["idle_s"]
    assert least_j * 0.95 <= books["energy_j"]["idle"] <= least_j + 1.56 * 14.375 * 2.0  # the baseline; no training
    both_j = 1.56 * 14.375 * (first["cpu_s"] + second["cpu_s"] - first["gap_cpu_s"] - second["gap_cpu_s"])
    assert books["energy_j"]["training"] > 0.95 * both_j


def test_an_error_of_the_process_that_meters_ends_both(tmp_path, script):
    first, second = run(tmp_path, script + WITH_AN_ERROR)
    assert first["error"] == "the meter is gone"
    assert second["error"].startswith("Expected the process that meters")
