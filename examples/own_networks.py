"""Any PyTorch modules searched with costs and scores: ce-nas search --live --evaluate examples/own_networks.py.

``ce_nas.torch`` counts parameters and operations before training and scores untrained networks, so that dirty hours are
used to sample. The training is yours.
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

from ce_nas import Categorical, Float, Integer
from ce_nas.torch import Networks

SPACE = {
    "width": Integer(4, 32, step=4),
    "layers": Integer(1, 3),
    "kernel": Categorical([3, 5]),
    "dropout": Float(0.0, 0.5),
    "learning_rate": Float(1e-3, 0.3, log=True),
}
OBJECTIVES = ["accuracy:max:0", "flops:min:5e6"]
EPOCHS = 6


def build(architecture):
    """Convolutions, each with a normalisation and a ReLU, and a classifier of the channels' means."""
    layers, channels = [], 1
    for _ in range(architecture["layers"]):
        width, kernel = architecture["width"], architecture["kernel"]
        layers += [nn.Conv2d(channels, width, kernel, padding=kernel // 2), nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    head = [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(architecture["dropout"]), nn.Linear(4 * channels, 10)]
    return nn.Sequential(*layers, *head)


networks = Networks(build, input_shape=(1, 8, 8))
costs, score = networks.costs, networks.score


def setup():
    """Once in each worker."""
    torch.set_num_threads(1)


def evaluate(architecture, fidelity, checkpoint):
    """Train for ``fidelity`` of all epochs; save the state and return None if it should stop."""
    images, labels = load_digits(return_X_y=True)
    images = torch.tensor(images.reshape(-1, 1, 8, 8) / 16.0, dtype=torch.float32)
    labels = torch.tensor(labels)
    network, saved = networks.network(architecture), checkpoint.folder / "state.pt"
    optimiser = torch.optim.SGD(network.parameters(), lr=architecture["learning_rate"], momentum=0.9)
    first = 0
    if saved.exists():
        state = torch.load(saved)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        first = state["epoch"]
    for epoch in range(first, max(round(fidelity * EPOCHS), 1)):
        if checkpoint.should_stop():
            state = {"network": network.state_dict(), "optimiser": optimiser.state_dict(), "epoch": epoch}
            torch.save(state, saved)
            return None
        torch.manual_seed(epoch)
        network.train()
        for batch in torch.randperm(1200).split(50):
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(images[batch]), labels[batch]).backward()
            optimiser.step()
        checkpoint.report(epoch + 1, {"accuracy": accuracy(network, images[1200:], labels[1200:])})
    return {"accuracy": accuracy(network, images[1200:], labels[1200:])}


def accuracy(network, images, labels):
    """The share of the images that are classified correctly, %."""
    network.eval()
    with torch.no_grad():
        return 100.0 * float((network(images).argmax(dim=1) == labels).float().mean())
