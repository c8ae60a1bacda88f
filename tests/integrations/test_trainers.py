"""The callbacks in real trainings of tiny models."""

import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.integrations.pause_rule import PauseRule
from ce_nas.integrations.training_callbacks import TrainingBudget

CLEAN = PauseRule(cleanest_share=0.25, max_wait="20h")


def lightning_parts(fake_time, seconds):
    torch = pytest.importorskip("torch", reason="needs the extra torch")
    lightning = pytest.importorskip("lightning.pytorch", reason="needs the extra lightning")

    class Line(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)
            self.batches = 0

        def training_step(self, batch, _):
            fake_time.advance(seconds)
            self.batches += 1
            return ((self.layer(batch) - 2 * batch) ** 2).mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    def train(callback, folder, epochs=30, **keywords):
        torch.manual_seed(0)
        model = Line()
        trainer = lightning.Trainer(
            max_epochs=epochs,
            callbacks=[callback],
            default_root_dir=folder,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
            accelerator="cpu",
        )
        data = torch.utils.data.DataLoader(torch.linspace(-1, 1, 8)[:, None], batch_size=2)
        trainer.fit(model, data, **keywords)
        return model, trainer

    return train


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_lightning_training_ends_within_its_budget(make_budget, fake_time, tmp_path):
    train = lightning_parts(fake_time, 600.0)
    from ce_nas.integrations.lightning_callback import LightningCarbonCallback

    callback = LightningCarbonCallback(make_budget("3kg", out=tmp_path / "run"), every_s=0)
    model, trainer = train(callback, tmp_path)
    assert 20 < model.batches < 120
    assert 2700 < callback.budget.used.carbon_g <= 3000
    assert callback.training.stop_reason == "The carbon budget is used."
    logged = trainer.logged_metrics
    assert 0 < float(logged["carbon_g"]) <= 3000
    assert float(logged["energy_kwh"]) > 0
    assert (tmp_path / "run" / "report.md").exists()
    again = LightningCarbonCallback(make_budget("3kg", out=tmp_path / "run"), every_s=0)
    model, _ = train(again, tmp_path)
    assert model.batches <= 1  # nothing is left
    assert again.budget.used.carbon_g <= 3000 + 0.2 * 3000


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_a_lightning_training_pauses_at_a_checkpoint_and_goes_on(make_budget, fake_time, tmp_path):
    train = lightning_parts(fake_time, 900.0)
    from ce_nas.integrations.lightning_callback import LightningCarbonCallback

    budget = make_budget("90kg", start="2023-07-03T16:00")
    callback = LightningCarbonCallback(budget, pause=CLEAN, every_s=0)
    waited, _ = train(callback, tmp_path, epochs=12)
    assert waited.batches == 48
    assert callback.checkpoint_path.exists()
    assert budget.result.summary.device_hours_by_activity["idle"] > 2
    stopping = LightningCarbonCallback(
        make_budget("90kg", start="2023-07-03T16:00"), pause=CLEAN, when_dirty="stop", every_s=0
    )
    first, trainer = train(stopping, tmp_path, epochs=12)
    assert 0 < first.batches < 48
    step = trainer.global_step
    last = LightningCarbonCallback(make_budget("90kg"), every_s=0)
    second, trainer = train(last, tmp_path, epochs=12, ckpt_path=stopping.checkpoint_path)
    assert trainer.global_step == 48 > step
    assert second.batches == 48 - step
    for ours, theirs in zip(second.parameters(), waited.parameters(), strict=True):
        assert ours.allclose(theirs)


def hugging_face_parts(fake_time, seconds):
    torch = pytest.importorskip("torch", reason="needs the extra torch")
    transformers = pytest.importorskip("transformers", reason="needs the extra transformers")
    pytest.importorskip("accelerate", reason="needs the extra transformers")

    class Line(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)
            self.batches = 0

        def forward(self, x, labels):
            fake_time.advance(seconds)
            self.batches += 1
            return {"loss": ((self.layer(x) - labels) ** 2).mean()}

    points = [{"x": torch.tensor([value]), "labels": torch.tensor([2 * value])} for value in (-1.0, -0.5, 0.5, 1.0)]

    def train(callback, folder, epochs=30, **keywords):
        torch.manual_seed(0)
        arguments = transformers.TrainingArguments(
            output_dir=str(folder),
            num_train_epochs=epochs,
            per_device_train_batch_size=2,
            logging_steps=2,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
        )
        model = Line()
        trainer = transformers.Trainer(model=model, args=arguments, train_dataset=points, callbacks=[callback])
        trainer.train(**keywords)
        return model, trainer

    return train


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_hugging_face_training_ends_within_its_budget(make_budget, fake_time, tmp_path):
    train = hugging_face_parts(fake_time, 600.0)
    from ce_nas.integrations.transformers_callback import TransformersCarbonCallback

    callback = TransformersCarbonCallback(make_budget("3kg", out=tmp_path / "run"), every_s=0)
    model, trainer = train(callback, tmp_path)
    assert 20 < model.batches < 60
    assert 2700 < callback.budget.used.carbon_g <= 3000
    logged = [entry["carbon_g"] for entry in trainer.state.log_history if "loss" in entry]
    assert logged == sorted(logged)
    assert len(logged) >= 10
    assert list(tmp_path.glob("checkpoint-*"))


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_a_hugging_face_training_pauses_at_a_checkpoint_and_goes_on(make_budget, fake_time, tmp_path):
    train = hugging_face_parts(fake_time, 1800.0)
    from ce_nas.integrations.transformers_callback import TransformersCarbonCallback

    budget = make_budget("90kg", start="2023-07-03T16:00")
    waited, _ = train(TransformersCarbonCallback(budget, pause=CLEAN, every_s=0), tmp_path / "a", epochs=12)
    assert waited.batches == 24
    assert list((tmp_path / "a").glob("checkpoint-*"))
    assert budget.result.summary.device_hours_by_activity["idle"] > 2
    stopping = TransformersCarbonCallback(
        make_budget("90kg", start="2023-07-03T16:00"), pause=CLEAN, when_dirty="stop", every_s=0
    )
    first, _ = train(stopping, tmp_path / "b", epochs=12)
    assert 0 < first.batches < 24
    last = TransformersCarbonCallback(make_budget("90kg"), every_s=0)
    second, trainer = train(last, tmp_path / "b", epochs=12, resume_from_checkpoint=True)
    assert trainer.state.global_step == 24
    assert second.batches == 24 - first.batches
    for ours, theirs in zip(second.parameters(), waited.parameters(), strict=True):
        assert ours.allclose(theirs)


def test_settings_that_cannot_be(make_budget):
    with pytest.raises(SettingsError, match="Did you mean 'stop'"):
        TrainingBudget("1kg", when_dirty="stopp")
    with pytest.raises(SettingsError, match="a rule"):
        TrainingBudget("1kg", when_dirty="stop")
    with pytest.raises(SettingsError, match="no further settings"):
        TrainingBudget(make_budget(), "coal")


def test_a_look_is_due_once_in_a_while():
    training = TrainingBudget("1kg", "solar", every_s=3600.0)
    assert [training.is_due() for _ in range(3)] == [True, False, False]
