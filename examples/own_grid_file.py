"""A search on a grid record of your own: python examples/own_grid_file.py.

Any CSV or Parquet file with times and g CO2eq/kWh will do; docs/data.md lists the formats that are recognised. Here
two months of a made-up grid are written first, cleanest around noon.
"""

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import ce_nas

FIRST = datetime(2025, 5, 1, tzinfo=UTC)

if __name__ == "__main__":
    with Path("grid.csv").open("w") as file:
        file.write("Datetime (UTC),Carbon intensity gCO2eq/kWh (Life cycle)\n")
        for hour in range(60 * 24):
            time = FIRST + timedelta(hours=hour)
            sun = max(0.0, math.sin(math.pi * (time.hour - 6) / 12))
            file.write(f"{time:%Y-%m-%d %H:%M:%S},{450 - 300 * sun + 40 * math.sin(hour / 37):.1f}\n")
    result = ce_nas.run(
        trace="grid.csv",
        start="2025-06-02T06:00",  # earlier hours are what the forecast learns from
        hours=24,
        gpus=4,
        searcher="nsga2",
        policy="threshold",
        forecaster="damped-profile",
    )
    print(result)
    periods = [entry.content for entry in result.entries if entry.kind == "period"]
    for content in periods[:24]:
        allocation = content["allocation"]
        print(f"{content['intensity_g_per_kwh']:4.0f} g/kWh: {allocation['evaluating']} of 4 GPUs train")
