"""A plain training loop made searchable: ce-nas search --live --evaluate examples/own_training.py --hours 4.

Any framework works; this one trains a small perceptron with numpy alone on scikit-learn's digits. The loop saves its
state in ``checkpoint.folder`` when it should stop, and resumes from it. Its parameters are counted beforehand.
Try it first: ce-nas search --live --evaluate examples/own_training.py --check
"""

import numpy as np
from sklearn.datasets import load_digits

from ce_nas import Float, Integer

SPACE = {
    "width": Integer(8, 128, log=True),
    "learning_rate": Float(0.01, 1.0, log=True),
    "optimiser": ["plain", "momentum"],
    "momentum": Float(0.0, 0.95, when={"optimiser": "momentum"}),
    "activation": ["relu", "tanh"],
}
OBJECTIVES = ["accuracy:max:0", "parameters:min:10000"]
EPOCHS = 60


def costs(architecture):
    """What is known before training."""
    return {"parameters": sum(part.size for part in begin(architecture["width"])[:4])}


def evaluate(architecture, fidelity, checkpoint):
    """Train for ``fidelity`` of all epochs; save the state and return None if it should stop."""
    images, labels = load_digits(return_X_y=True)
    images, state = images / 16.0, checkpoint.folder / "state.npz"
    epoch, weights = read(state) if state.exists() else (0, begin(architecture["width"]))
    while epoch < round(fidelity * EPOCHS):
        if checkpoint.should_stop():
            write(state, epoch, weights)
            return None
        train(weights, images[:1200], labels[:1200], architecture)
        epoch += 1
        checkpoint.report(epoch, {"accuracy": accuracy(weights, images[1200:], labels[1200:], architecture)})
    return {"accuracy": accuracy(weights, images[1200:], labels[1200:], architecture)}


def accuracy(weights, images, labels, architecture):
    """The share of the images that are classified correctly, %."""
    return 100.0 * float((forward(weights, images, architecture)[1].argmax(axis=1) == labels).mean())


def begin(width):
    """Weights and biases of two layers, then their velocities."""
    rng = np.random.default_rng(0)
    parts = [rng.normal(0, 0.2, (64, width)), np.zeros(width), rng.normal(0, 0.2, (width, 10)), np.zeros(10)]
    return parts + [np.zeros_like(part) for part in parts]


def forward(weights, images, architecture):
    """The hidden layer, and the logits."""
    inner = images @ weights[0] + weights[1]
    hidden = np.maximum(inner, 0) if architecture["activation"] == "relu" else np.tanh(inner)
    return hidden, hidden @ weights[2] + weights[3]


def train(weights, images, labels, architecture):
    """One epoch in batches of 100."""
    for start in range(0, len(images), 100):
        batch, wanted = images[start : start + 100], np.eye(10)[labels[start : start + 100]]
        hidden, logits = forward(weights, batch, architecture)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        error = (shares / shares.sum(axis=1, keepdims=True) - wanted) / len(batch)
        slope = hidden > 0 if architecture["activation"] == "relu" else 1 - hidden**2
        inner = error @ weights[2].T * slope
        gradients = (batch.T @ inner, inner.sum(0), hidden.T @ error, error.sum(0))
        for part, velocity, gradient in zip(weights[:4], weights[4:], gradients, strict=True):
            step = architecture.get("momentum", 0.0) * velocity - architecture["learning_rate"] * gradient
            velocity[:] = step
            part[:] = part + step


def read(state):
    """The completed epochs and the weights."""
    with np.load(state) as kept:
        return int(kept["epoch"]), [kept[f"part{at}"] for at in range(8)]


def write(state, epoch, weights):
    """Save the completed epochs and the weights."""
    np.savez(state, epoch=epoch, **{f"part{at}": part for at, part in enumerate(weights)})
