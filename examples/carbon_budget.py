"""A carbon budget around a training loop: run it twice, and the second run goes on where the first one ended.

$ python examples/carbon_budget.py
$ ce-nas report carbon-books
"""

import ce_nas

if __name__ == "__main__":
    light = {"forecaster": "damped-profile"}  # the default one costs more energy than this budget has
    with ce_nas.carbon_budget("0.02g", grid="wind", out="carbon-books", **light) as budget:
        for epoch in range(1000):
            loss = sum(1.0 / (epoch + number) for number in range(1, 400_000))  # one step of the training
            used = budget.check()
            print(f"epoch {epoch}: loss {loss:.3f}, {1000 * used.carbon_g:.2f} mg of CO2eq")
    print(budget.describe())
