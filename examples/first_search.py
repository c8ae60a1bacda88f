"""A first search: twelve hours of a sunny grid, on eight simulated GPUs."""

import ce_nas

result = ce_nas.run(grid="solar", policy="look-ahead", searcher="lamoo", gpus=8, hours=12, seed=0)
summary = result.summary
print(summary.stop, summary.evaluations, "trainings")
print(round(summary.carbon_g["full"]), "g CO2eq, full accounting")
print(result.choose().architecture)
