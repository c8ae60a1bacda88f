"""Make every table and figure of docs/results.md in one folder: ``python scripts/make_results.py --out DIR``.

Each step has a folder in DIR with its output, its files and a stamp: command, seeds, version, source, data, machine and
seconds. A step that is finished is not run again, one that was interrupted continues where its command can; a step of
another source, data or command is set aside and made new, unless ``--keep``. ``DIR/results.md`` holds them all.

``--data D`` is a folder with grid/, nasbench201/ and power/. Without it, steps that need it are left out, the others
use the embedded table and zones. ``--quick`` runs the short form of each step: minutes, and no figure to report.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ce_nas import __version__

ROOT = Path(__file__).parents[1]
STRATEGIES = "vanilla-lamoo,vanilla-surrogate,scored-surrogate,look-ahead-surrogate,learned-surrogate"
SUITE_DATA = "--table {data}/nasbench201/nb201.parquet --trace {data}/grid/carboncast_2020_2021.parquet"
DEVICE_COSTS = "--costs raspi4_latency,edgegpu_energy"
METHOD_DATA = (
    "--problem hwnasbench --table {data}/nasbench201/nb201.parquet "
    "--trace {data}/grid/carboncast_2020_2021.parquet --zone DE --start 2021-07-02T06:00"
)
METHOD_QUICK = "--seeds 1 --hours 6 --gpus 4 --forecaster damped-profile"


@dataclass(frozen=True, slots=True)
class Step:
    """One command and its short form; ``{out}`` is the step's folder, ``{data}`` the folder of the data."""

    name: str
    title: str
    full: str
    #: empty: none without the data
    quick: str
    #: the long form where there is no data; empty: it is left out
    full_embedded: str = ""
    #: whether its command continues what it began; if not, its folder is emptied before it runs again
    continues: bool = True

    def command(self, data: Path | None, *, quick: bool) -> str:
        """The command; empty where the step has to be left out."""
        text = self.quick if quick else self.full
        if "{data}" in text and data is None:
            text = "" if quick else self.full_embedded
        return text.format(out=f"{{out}}/{self.name}", data=data)


def method(name: str, title: str, options: str = "") -> Step:
    """A step of the method's own experiments."""
    command = f"ce-nas bench {name} {{}} {options} --out {{{{out}}}}".replace("  ", " ")
    return Step(
        name,
        title,
        command.format(f"{METHOD_DATA} --objectives accuracy,raspi4_latency --seeds 10"),
        command.format(METHOD_QUICK),
        command.format("--seeds 10"),
    )


STEPS = (
    Step(
        "search",
        "The search of a user who states nothing",
        "ce-nas search --seed 0 --out {out}/run",
        "ce-nas search --seed 0 --gpus 4 --hours 6 --searcher nsga2 --policy threshold --out {out}/run",
        "ce-nas search --seed 0 --out {out}/run",
        continues=False,
    ),
    Step(
        "suite-tuning",
        "Protocol, tuning half",
        f"ce-nas bench suite --half tuning {SUITE_DATA} --seeds 4 --hours 80 --strategies {STRATEGIES} --out {{out}}",
        "ce-nas bench suite --quick --seeds 1 --hours 12 --strategies vanilla-lamoo,look-ahead-lamoo --out {out}",
        f"ce-nas bench suite --half tuning --seeds 4 --hours 80 --strategies {STRATEGIES} --out {{out}}",
    ),
    Step(
        "suite-test",
        "Protocol, test half (each look at it is listed in docs/protocol.md)",
        f"ce-nas bench suite --half test {SUITE_DATA} {DEVICE_COSTS} --seeds 6 --hours 80 --strategies {STRATEGIES} "
        "--out {out}",
        "",
        f"ce-nas bench suite --half test --seeds 6 --hours 80 --strategies {STRATEGIES} --out {{out}}",
    ),
    method("equal-quality", "Grams to equal quality"),
    method("hypervolume-over-time", "Hypervolume over time and over carbon"),
    method("caps", "Hypervolume under caps on the carbon", "--caps 2kg,5kg,10kg"),
    # a single seed's accuracy is not in the embedded table
    Step("noise", "Noisy trainings", f"ce-nas bench noise {METHOD_DATA} --seeds 10 --out {{out}}", ""),
    method("ablations", "Without each part"),
    Step(
        "warm-start",
        "Warm starts in whole searches",
        "python benchmarks/warm_start.py --table {data}/nasbench201/nb201.parquet --trace "
        "{data}/grid/carboncast_2020_2021.parquet --only whole --seeds 4 --json {out}/figures.json",
        "",
    ),
    Step(
        "short-trainings",
        "Short trainings first",
        "python benchmarks/warm_start.py --table {data}/nasbench201/nb201.parquet --only short --seeds 5 --json "
        "{out}/figures.json",
        "",
    ),
    Step(
        "searchers",
        "Trainings that each searcher needs",
        "python benchmarks/searchers.py --table {data}/nasbench201/nb201.parquet --supernets "
        "{data}/nasbench201/supernet_accuracy_cifar10.npz --seed 1000 --seeds 10 --discrete --json {out}/figures.json",
        "",
    ),
    Step(
        "forecasts",
        "Forecasts, and the saving that they keep",
        "python benchmarks/forecast_regret.py --grid {data}/grid --replan 24 --json {out}/figures.json",
        "",
    ),
    Step(
        "peers",
        "Searchers against other tuners",
        "python benchmarks/problems.py --seeds 10 --json {out}/figures.json",
        "",
        "python benchmarks/problems.py --seeds 10 --json {out}/figures.json",
    ),
    Step(
        "backtests",
        "Forecasts against what came",
        "python benchmarks/forecast.py --grid {data}/grid --keep {out}/models --json {out}/figures.json",
        "",
    ),
    Step(
        "learned-policy",
        "The learned policy",
        "ce-nas policy evaluate --scenarios 48",
        "",
        "ce-nas policy evaluate --scenarios 48",
    ),
    Step(
        "policies",
        "Policies",
        "python benchmarks/policies.py --seed 1000 --seeds 3 --json {out}/figures.json",
        "python benchmarks/policies.py --quick --json {out}/figures.json",
        "python benchmarks/policies.py --seed 1000 --seeds 3 --json {out}/figures.json",
    ),
    Step(
        "stopping",
        "When a search ends",
        "python benchmarks/stopping.py --json {out}/figures.json",
        "python benchmarks/stopping.py --quick --json {out}/figures.json",
        "python benchmarks/stopping.py --json {out}/figures.json",
    ),
    Step(
        "power",
        "The power lever",
        "python benchmarks/power.py --data {data} --seeds 2 --json {out}/figures.json",
        "",
    ),
    Step(
        "sites",
        "Several sites",
        "python benchmarks/sites.py --data {data} --home DE --others SE,ERCO --json {out}/figures.json",
        "",
    ),
    Step(
        "own-code",
        "Own training code against other tuners",
        "python benchmarks/own_code.py --json {out}/figures.json",
        "",
        "python benchmarks/own_code.py --json {out}/figures.json",
    ),
)


def digest_of(files: list[Path]) -> str:
    """SHA-256 of names and contents, shortened."""
    total = hashlib.sha256()
    for path in files:
        total.update(f"{path.name}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:16]


def describe_state(data: Path | None) -> dict[str, str]:
    """What a figure is of: the version, the source, and the data."""
    source = [path for path in sorted((ROOT / "src").rglob("*")) if path.is_file() and path.suffix != ".pyc"]
    source += sorted((ROOT / "benchmarks").glob("*.py"))
    files = sorted(path for path in data.rglob("*") if path.is_file()) if data else []
    return {"version": __version__, "source": digest_of(source), "data": digest_of(files) if files else "embedded"}


def describe_machine() -> dict[str, Any]:
    """Where the figures were made."""
    import numpy as np

    names = [line.partition(":")[2].strip() for line in _lines_of("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def _lines_of(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def run_step(step: Step, command: str, out: Path, state: dict[str, str], *, keep: bool) -> dict[str, Any]:
    """Run a step that is not finished; returns its stamp."""
    folder = out / step.name
    wanted = {"command": command, **state}
    stamp = read_stamp(folder)
    same = all(stamp.get(key) == value for key, value in wanted.items())
    if stamp.get("status") == 0 and (same or keep):
        return stamp
    if stamp and not same:
        aside = folder.with_name(f"{step.name}.{stamp.get('ended') or stamp['began']}".replace(":", ""))
        folder.rename(aside)
        stamp = {}
    if stamp and not step.continues:
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    stamp = {
        **wanted,
        "machine": describe_machine(),
        "began": now(),
        "seconds": stamp.get("seconds", 0.0),
        "status": None,
    }
    write_stamp(folder, stamp)
    begun = time.monotonic()
    try:
        with (folder / "output.txt").open("wb") as output:
            words = as_arguments(command, out)
            done = subprocess.run(words, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, check=False)  # noqa: S603
        stamp |= {"status": done.returncode, "ended": now()}
    finally:
        stamp["seconds"] += time.monotonic() - begun  # of all attempts
        write_stamp(folder, stamp)
    return stamp


def as_arguments(command: str, out: Path) -> list[str]:
    """The words of a command, by the interpreter and the ``ce-nas`` of this environment."""
    program, *words = (word.replace("{out}", str(out.absolute())) for word in shlex.split(command))
    python = [sys.executable]
    return [
        *(python if program == "python" else [*python, "-c", "from ce_nas.apps.cli.main import main; main()"]),
        *words,
    ]


def read_stamp(folder: Path) -> dict[str, Any]:
    """The stamp of a step; empty if it has not begun."""
    path = folder / "stamp.json"
    return json.loads(path.read_text()) if path.exists() else {}


def write_stamp(folder: Path, stamp: dict[str, Any]) -> None:
    """Write a stamp at once or not at all."""
    part = folder / "stamp.json.part"
    part.write_text(json.dumps(stamp, indent=1) + "\n")
    part.replace(folder / "stamp.json")


def now() -> str:
    """The time, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def render_page(out: Path, stamps: dict[str, dict[str, Any]], left_out: list[str], *, quick: bool) -> str:
    """Everything on one page: per step its command, what it was made by, what it printed, and its files."""
    lines = ["# Results\n"]
    if quick:
        lines.append("Short forms of all steps: they show that the commands work, and are no figures to report.\n")
    for step in (step for step in STEPS if step.name in stamps):
        stamp, folder = stamps[step.name], out / step.name
        machine = ", ".join(f"{key} {value}" for key, value in stamp["machine"].items())
        lines += [f"## {step.title}\n", f"```\n{stamp['command']}\n```\n"]
        lines.append(
            f"ce-nas {stamp['version']}, source {stamp['source']}, data {stamp['data']}; {machine}; "
            f"{stamp['seconds']:.0f} s; ended {stamp.get('ended', 'never')} with status {stamp['status']}.\n"
        )
        text = (folder / "output.txt").read_text(errors="replace").strip()
        lines.append(f"```text\n{text}\n```\n")
        files = sorted(path.relative_to(out) for path in folder.rglob("*") if path.suffix in {".png", ".svg"})
        lines += [f"![{path.stem}]({path.as_posix()})\n" for path in files]
    if left_out:
        lines.append(f"Left out, since there is no short form or no `--data`: {', '.join(left_out)}.\n")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the steps; status 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of all results")
    parser.add_argument("--data", type=Path, help="folder with grid/, nasbench201/ and power/")
    parser.add_argument("--quick", action="store_true", help="the short form of each step")
    parser.add_argument("--only", nargs="+", choices=[step.name for step in STEPS], metavar="STEP", help="these steps")
    parser.add_argument("--keep", action="store_true", help="keep finished steps of another source, data or command")
    parser.add_argument("--list", action="store_true", help="print the commands and run nothing")
    options = parser.parse_args(arguments)
    data = options.data.absolute() if options.data else None
    chosen = [step for step in STEPS if not options.only or step.name in options.only]
    commands = {step: step.command(data, quick=options.quick) for step in chosen}
    if options.list:
        print("\n".join(command for command in commands.values() if command))
        return 0
    options.out.mkdir(parents=True, exist_ok=True)
    state = describe_state(data)
    for step, command in commands.items():
        if command:
            stamp = run_step(step, command, options.out, state, keep=options.keep)
            print(f"{step.name}: status {stamp['status']}, {stamp['seconds']:.0f} s", flush=True)
    stamps = {step.name: stamp for step in STEPS if (stamp := read_stamp(options.out / step.name))}
    left_out = [step.name for step, command in commands.items() if not command]
    (options.out / "results.md").write_text(render_page(options.out, stamps, left_out, quick=options.quick))
    print(f"All on one page: {options.out / 'results.md'}")
    return int(any(stamp["status"] != 0 for stamp in stamps.values()))


if __name__ == "__main__":
    sys.exit(main())
