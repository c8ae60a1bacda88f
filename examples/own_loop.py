"""Your own loop over the trainings of a search: python examples/own_loop.py.

The loop is in charge of the processes, the devices and the data; the search says what to train, and when.
"""

import sys

import ce_nas
from ce_nas import Float, Integer

SPACE = {"degree": Integer(1, 6), "smoothing": Float(1e-3, 1.0, log=True)}


def fit(architecture):
    """A least-squares fit with a penalty: its error in %, and its number of terms."""
    import numpy as np

    inputs = np.linspace(-1.0, 1.0, 60)
    targets = np.sin(3.0 * inputs) + 0.1 * np.cos(40.0 * inputs)
    columns = np.vander(inputs, architecture["degree"] + 1)
    penalty = architecture["smoothing"] * np.eye(columns.shape[1])
    weights = np.linalg.solve(columns.T @ columns + penalty, columns.T @ targets)
    return {"error": 100.0 * float(np.mean((columns @ weights - targets) ** 2)), "terms": columns.shape[1]}


if __name__ == "__main__":
    settings = {"evaluations": int(sys.argv[1]) if len(sys.argv) > 1 else 20, "policy": "vanilla", "zone": "wind"}
    with ce_nas.TrainingLoop(SPACE, ["error:min:50", "terms:min:10"], "runs/own-loop", **settings) as loop:
        for trial in loop:
            try:
                metrics = fit(trial.architecture)
            except ArithmeticError as error:
                loop.fail(trial, error)
            else:
                loop.tell(trial, metrics)
    print(loop.result.choose().architecture)
