"""A search that moves to the site that is cleanest for the coming day: python examples/several_sites.py."""

import ce_nas

if __name__ == "__main__":
    settings = {"gpus": 8, "hours": 48, "seed": 0, "searcher": "nsga2", "policy": "vanilla", "evaluations": 120}
    settings |= {"forecaster": "damped-profile"}
    home = ce_nas.run(zone="coal", **settings)
    moved = ce_nas.run(sites="coal,hydro,wind", **settings)
    for name, result in [("at home", home), ("three sites", moved)]:
        print(f"{name}: {result.summary.evaluations} trainings, {result.summary.carbon_g['full'] / 1000:.2f} kg CO2eq")
    for entry in moved.entries:
        if entry.kind == "moved":
            print(f"after {entry.at_s / 3600:.1f} h: {entry.content['from_site']} to {entry.content['to_site']}")
