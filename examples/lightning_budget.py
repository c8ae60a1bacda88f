"""A PyTorch Lightning training within a budget of carbon, which waits for clean hours if asked to.

$ pip install 'ce-nas[lightning]'
$ python examples/lightning_budget.py
"""

import lightning.pytorch as pl
import torch
from torch.utils.data import DataLoader, TensorDataset

from ce_nas.integrations.lightning_callback import LightningCarbonCallback


class Line(pl.LightningModule):
    """A line through points, as a stand-in for a network."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch, _):
        """The squared error of a batch."""
        inputs, targets = batch
        return ((self.layer(inputs) - targets) ** 2).mean()

    def configure_optimizers(self):
        """Plain gradient descent."""
        return torch.optim.SGD(self.parameters(), lr=0.1)


if __name__ == "__main__":
    inputs = torch.linspace(-1, 1, 64)[:, None]
    light = {"forecaster": "damped-profile"}  # the default one costs more energy than this budget has
    # with pause=ce_nas.PauseRule(cleanest_share=0.25, max_wait="12h") it would wait for the cleanest quarter of the day
    callback = LightningCarbonCallback("0.1g", grid="solar", out="lightning-books", meter="modelled", **light)
    trainer = pl.Trainer(
        max_epochs=3,
        callbacks=[callback],
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Line(), DataLoader(TensorDataset(inputs, 2 * inputs), batch_size=16))
    print(f"{trainer.global_step} steps, {1000 * float(trainer.logged_metrics['carbon_g']):.2f} mg of CO2eq")
