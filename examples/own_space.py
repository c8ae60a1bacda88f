"""A search space of your own, with a condition and a constraint: python examples/own_space.py.

Numbers in a range, names, and a variable that exists only where another has a value. What cannot be trained is
excluded.
"""

import sys

import ce_nas
from ce_nas import Categorical, Float, Integer, Ordinal

SPACE = {
    "depth": Integer(1, 6),
    "width": Ordinal([16, 32, 64, 128]),
    "block": Categorical(["plain", "residual", "gated"]),
    "gate_bias": Float(-2.0, 2.0, when={"block": "gated"}),
    "learning_rate": Float(1e-4, 1.0, log=True),
}


def costs(architecture):
    """Parameters, in thousands: known before any training."""
    gates = 2 if architecture["block"] == "gated" else 1
    return {"parameters": gates * architecture["depth"] * architecture["width"] ** 2 / 1000}


def is_valid(architecture):
    """A residual block needs two layers."""
    return architecture["block"] != "residual" or architecture["depth"] >= 2


def objective(architecture):
    """An accuracy in %, made up: put your training here (own_function.py and own_training.py have real ones)."""
    size = costs(architecture)["parameters"]
    gain = {"plain": 0.0, "residual": 2.0, "gated": 2.5 - abs(architecture.get("gate_bias", 0.0) - 1.0)}
    rate = abs(architecture["learning_rate"] - 0.01) ** 0.25
    return 95.0 - 20.0 / (1.0 + size) - 8.0 * rate + gain[architecture["block"]]


if __name__ == "__main__":
    result = ce_nas.optimize(
        objective,
        SPACE,
        ["accuracy:max:0", "parameters:min:200"],
        costs=costs,
        is_valid=is_valid,
        trainings=int(sys.argv[1]) if len(sys.argv) > 1 else 30,
        out="runs/own-space",
        policy="vanilla",  # trains at once; leave it out to train in clean hours of the zone
        zone="wind",
    )
    for member in result.front:
        print(member.architecture, member.objectives)
