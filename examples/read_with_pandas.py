"""A run read with pandas: its trainings, its front and its hours: python examples/read_with_pandas.py [RUN].

RUN is the folder of a finished or a running search; without one, a short search is run first.
"""

import sys

import pandas as pd

import ce_nas

if __name__ == "__main__":
    if len(sys.argv) > 1:
        result = ce_nas.Result.read(sys.argv[1])
    else:
        result = ce_nas.run(
            grid="solar", gpus=8, hours=24, searcher="nsga2", forecaster="damped-profile", evaluations=60
        )
    trainings = result.to_frame()
    objectives = [objective["name"] for objective in result.summary.objectives]
    print(trainings[[*objectives, "hours", "carbon_g"]].describe().round(3))
    print(
        trainings[trainings.on_front].sort_values(objectives[0])[["architecture", *objectives]].to_string(index=False)
    )

    # everything that happened is in the journal: here what the GPUs did, period by period
    periods = [entry.content for entry in result.entries if entry.kind == "period"]
    hours = pd.DataFrame([{"g_per_kwh": one["intensity_g_per_kwh"], **one["allocation"]} for one in periods])
    print(hours.head(24).T.round().to_string())
