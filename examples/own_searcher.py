"""A searcher of your own: python examples/own_searcher.py.

In a package of your own, name it in the entry points ``ce_nas.searchers`` and choose it with ``--searcher NAME``.
"""

import ce_nas
from ce_nas import Searcher
from ce_nas.benchmarks.nasbench201 import load_embedded_table
from ce_nas.core.rng import random_stream
from ce_nas.pareto.dominance import is_nondominated


class Neighbours(Searcher):
    """Changes one choice of an architecture on the front so far; at random until there is one."""

    name = "neighbours"

    def __init__(self, space, rng):
        self.space, self.rng, self.seen = space, rng, {}

    def ask(self, n, exclude):
        """Up to ``n`` new architectures."""
        proposals = []
        for _ in range(100 * n):
            architecture = self.propose()
            if len(proposals) < n and architecture not in exclude and architecture not in proposals:
                proposals.append(architecture)
        return proposals

    def tell(self, observations):
        """Values are minimised, whatever the direction of the objective."""
        self.seen |= {one.architecture: one.values for one in observations}

    def propose(self):
        """A neighbour of a random member of the front."""
        if len(self.seen) < 10:
            return self.space.sample(self.rng, 1)[0]
        architectures = list(self.seen)
        front = [one for one, on in zip(architectures, is_nondominated(list(self.seen.values())), strict=True) if on]
        changed = list(front[self.rng.integers(len(front))])
        variable = self.rng.integers(len(changed))
        changed[variable] = int(self.rng.integers(len(self.space.choices[variable])))
        return tuple(changed)


if __name__ == "__main__":
    settings = {
        "grid": "wind",
        "gpus": 8,
        "hours": 80,
        "policy": "vanilla",
        "forecaster": "damped-profile",
        "evaluations": 150,
    }
    searcher = Neighbours(load_embedded_table("cifar10").space, random_stream(0, "neighbours"))
    for one in (searcher, "random"):
        summary = ce_nas.run(searcher=one, **settings).summary
        print(f"{summary.searcher}: {summary.hypervolume_share:.2%} of the largest hypervolume")
