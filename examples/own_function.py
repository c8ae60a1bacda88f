"""A Python function searched by one call: python examples/own_function.py.

The run's folder has the report; called again with the same ``out``, the search resumes.
"""

import sys

from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import ce_nas
from ce_nas import Float, Integer

SPACE = {
    "width": Integer(2, 64, log=True),
    "layers": Integer(1, 3),
    "penalty": Float(1e-5, 1.0, log=True),
    "activation": ["relu", "tanh"],
}


def costs(architecture):
    """The weights of the network, known before it is trained."""
    width = architecture["width"]
    return {"weights": 31 * width + (architecture["layers"] - 1) * (width + 1) * width + width + 1}


def objective(architecture):
    """The accuracy of three folds, %."""
    rows, labels = load_breast_cancer(return_X_y=True)
    layers = (architecture["width"],) * architecture["layers"]
    network = MLPClassifier(
        layers, activation=architecture["activation"], alpha=architecture["penalty"], max_iter=40, random_state=0
    )
    return 100.0 * cross_val_score(make_pipeline(StandardScaler(), network), rows, labels, cv=3).mean()


if __name__ == "__main__":
    result = ce_nas.optimize(
        objective,
        SPACE,
        ["accuracy:max:0", "weights:min:20000"],
        costs=costs,
        trainings=int(sys.argv[1]) if len(sys.argv) > 1 else 30,
        policy="vanilla",  # trains at once; leave it out to train in clean hours of the zone
        zone="wind",
    )
    for chosen in result.summary.front:
        print(chosen.architecture, chosen.objectives)
