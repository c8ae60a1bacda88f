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

def burn():
    start_s = time.process_time()
    while time.process_time() - start_s < 0.05:
        pass

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
    trainer = pl.Trainer(max_epochs=200, callbacks=[callback], default_root_dir=folder, logger=False,
        enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False, accelerator="cpu",
        devices=2, strategy="ddp")
    trainer.fit(Line(), torch.utils.data.DataLoader(torch.linspace(-1, 1, 8)[:, None], batch_size=2))
    return trainer.global_step

PAUSED = dict(pause=PauseRule(max_g_per_kwh=1, max_wait="3s"), when_dirty="stop")
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
    arguments = transformers.TrainingArguments(folder, num_train_epochs=400, per_device_train_batch_size=1,
        save_strategy="no", logging_steps=5, report_to=[], use_cpu=True, disable_tqdm=True, ddp_backend="gloo")
    trainer = transformers.Trainer(model=Line(), args=arguments, train_dataset=points, callbacks=[callback])
    trainer.train()
    return trainer.state.global_step

PAUSED = dict(pause=PauseRule(max_g_per_kwh=1, max_wait="3s"), when_dirty="stop")
Callback = TransformersCarbonCallback
"""
)

TO_THE_BUDGET = """
callback = Callback("0.02g", **SETTINGS)
steps = train(callback)
tell(steps=steps, reason=callback.training.stop_reason, used_g=callback.budget.used.carbon_g if rank == 0 else None)
"""
TO_A_PAUSE = """
callback = Callback("5kg", **SETTINGS, **PAUSED)
steps = train(callback)
tell(steps=steps, reason=callback.training.stop_reason)
"""


def run(folder, script):
    path = folder / "train.py"
    path.write_text(script)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", path, folder]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, timeout=540, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads((folder / f"rank-{rank}.json").read_text()) for rank in (0, 1)]


@pytest.mark.parametrize(
    ("package", "script"), [("lightning.pytorch", LIGHTNING), ("transformers", HUGGING_FACE)], ids=["lightning", "hf"]
)
def test_two_processes_stop_together_and_one_of_them_meters(tmp_path, package, script):
    for name in ("torch", package, "accelerate" if package == "transformers" else package):
        pytest.importorskip(name, reason="needs the extra of the trainer")
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
