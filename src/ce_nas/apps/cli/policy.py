"""``ce-nas policy``: train a policy that divides the GPUs, and see how good one is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ce_nas.apps.cli.flags import Json, Quiet, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.analysis.statistics import Interval
    from ce_nas.rl.evaluate import Verdict

__all__ = ["app"]

app = typer.Typer(help="Train a policy, and see how good one is.", no_args_is_help=True)

Out = Annotated[Path, typer.Option(help="Folder for the policy, its checkpoints and its learning curves.")]
Recordings = Annotated[
    Path | None,
    typer.Option(
        help="File of recorded searches to train on.  [default: the built-in one]",
        show_default=False,
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of all random numbers.", min=0)]
Seeds = Annotated[int, typer.Option(help="Policies to train; the best by validation is kept.", min=1)]
Demonstrations = Annotated[int, typer.Option(help="Scenarios to learn from in hindsight first; 0 for none.", min=0)]
Steps = Annotated[int, typer.Option(help="Periods of trial and error (PPO), each seed.", min=0)]
Validation = Annotated[int, typer.Option(help="Scenarios that tell which policy is kept.", min=1)]
RewardName = Annotated[str, typer.Option(help="grams (ours) or authors (the paper's).")]
Continuous = Annotated[bool, typer.Option("--continuous", help="Two shares in place of a menu of divisions.")]
Beside = Annotated[
    list[Path] | None,
    typer.Option(help="Folder of another training whose curves are drawn too; may be given again.", show_default=False),
]
Network = Annotated[Path | None, typer.Option("--policy", help="A trained policy.  [default: the built-in one]")]
Count = Annotated[int, typer.Option(help="How many scenarios.", min=1)]
Truth = Annotated[
    bool, typer.Option("--true-forecast", help="Let the policies see the future: what a perfect forecast is worth.")
]


@app.command("train")
def train(  # noqa: PLR0913 - what is trained on, how long, and where to
    *,
    out: Out,
    recordings: Recordings = None,
    seed: Seed = 0,
    seeds: Seeds = 3,
    demonstrations: Demonstrations = 600,
    steps: Steps = 151_552,
    validation: Validation = 150,
    reward: RewardName = "grams",
    continuous: Continuous = False,
    beside: Beside = None,
    quiet: Quiet = False,
) -> None:
    """Train a policy on the built-in grids and benchmarks; needs the extra rl. The same command goes on where an
    earlier one was interrupted.
    """
    from rich.console import Console

    from ce_nas.report.plotting.policy_training import draw_curves, read_training
    from ce_nas.rl.replay_data import recorded
    from ce_nas.rl.train import TrainingSettings
    from ce_nas.rl.train import train as run

    console = Console(quiet=quiet, stderr=True)
    settings = TrainingSettings(
        seed=seed,
        seeds=seeds,
        demonstrations=demonstrations,
        steps=steps,
        validation=validation,
        reward=reward,
        continuous=continuous,
    )
    for other in beside or ():
        read_training(other)  # what is amiss is said before the training, not after it
    run(settings, recorded(recordings), out, console.print)
    draw_curves(out, beside or ())
    console.print(f"The policy is in {out / 'policy.npz'}; its learning curves are in {out / 'training.png'}.")


@app.command("evaluate")
def evaluate(  # noqa: PLR0913 - which policy, on what, and where the result goes
    *,
    policy: Network = None,
    recordings: Recordings = None,
    scenarios: Count = 48,
    seed: Seed = 0,
    true_forecast: Truth = False,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Let a policy and every rule divide the GPUs of the same searches, in zones that none was trained on."""
    from ce_nas.rl.evaluate import contest

    verdicts = contest(policy, recordings, scenarios, seed, truth=true_forecast)
    write_json(json, [verdict.to_dict() for verdict in verdicts])
    if not quiet:
        _show(verdicts)


def _show(verdicts: Sequence[Verdict]) -> None:
    from ce_nas.apps.cli.tables import print_table

    print_table(
        f"{verdicts[0].scenarios} searches: grams until the target, in units of its trainings in average hours",
        ("policy", "grams", "to the first", "reached", "with fines", "trainings", "hours"),
        [
            (
                one.policy,
                _interval(one.carbon_share),
                _interval(one.ratio),
                f"{one.reached:.0%}",
                f"{one.cost:.3f}",
                f"{one.trainings.median:.0f}",
                f"{one.hours.median:.0f}",
            )
            for one in verdicts
        ],
    )


def _interval(interval: Interval) -> str:
    return f"{interval.median:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
