"""A first search: a day of a sunny grid, on eight simulated GPUs."""

import ce_nas

result = ce_nas.run(grid="solar", gpus=8, hours=24, seed=0)
summary = result.summary
print(summary.stop, summary.evaluations, "trainings")
print(round(summary.carbon_g["full"]), "g CO2eq, full accounting")
print(result.choose().architecture)
