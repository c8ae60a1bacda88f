"""``ce-nas policy``: train a learned policy, and evaluate a policy against the baselines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ce_nas.apps.cli.shared_options import JsonOption, QuietOption, shows_text, write_json
from ce_nas.core.formatting import format_percentage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.analysis.statistics import Interval
    from ce_nas.rl.evaluate import PolicyEvaluation

__all__ = ["app"]

app = typer.Typer(help="Train a learned policy, and evaluate it against the baselines.", no_args_is_help=True)

OutOption = Annotated[Path, typer.Option(help="Folder for the policy, its checkpoints and its learning curves.")]
RecordingsOption = Annotated[
    Path | None,
    typer.Option(help="File of recorded searches.  [default: the built-in one]", show_default=False),
]
SeedOption = Annotated[int, typer.Option(help="Seed of all random numbers.", min=0)]
SeedsOption = Annotated[int, typer.Option(help="Policies to train; the best by validation is kept.", min=1)]
DemonstrationsOption = Annotated[
    int, typer.Option(help="Scenarios of the expert for behaviour cloning; 0: no cloning.", min=0)
]
StepsOption = Annotated[int, typer.Option(help="Periods of PPO for each seed.", min=0)]
ValidationOption = Annotated[int, typer.Option(help="Scenarios of the validation that selects the policy.", min=1)]
RewardOption = Annotated[str, typer.Option(help="carbon, or paper: the reward of the CE-NAS paper.")]
ContinuousOption = Annotated[
    bool, typer.Option("--continuous", help="Two continuous shares instead of discrete allocations.")
]
CompareWithOption = Annotated[
    list[Path] | None,
    typer.Option(help="Folder of another training to compare the curves with; repeatable.", show_default=False),
]
PolicyOption = Annotated[Path | None, typer.Option("--policy", help="A trained policy.  [default: the built-in one]")]
ScenariosOption = Annotated[int, typer.Option(help="Number of scenarios.", min=1)]
OracleForecastOption = Annotated[
    bool,
    typer.Option(
        "--oracle-forecast", help="Give the policies the true future intensity: the value of a perfect forecast."
    ),
]


@app.command("train")
def train(  # noqa: PLR0913 - one parameter per option
    *,
    out: OutOption,
    recordings: RecordingsOption = None,
    seed: SeedOption = 0,
    seeds: SeedsOption = 3,
    demonstrations: DemonstrationsOption = 600,
    steps: StepsOption = 151_552,
    validation: ValidationOption = 150,
    reward: RewardOption = "carbon",
    continuous: ContinuousOption = False,
    compare_with: CompareWithOption = None,
    quiet: QuietOption = False,
) -> None:
    """Train a policy on the built-in grids and benchmarks; needs the extra rl.

    The same command resumes an interrupted training.
    """
    from rich.console import Console

    from ce_nas.report.plotting.plots_extra import require_plots
    from ce_nas.report.plotting.policy_training import plot_learning_curves, read_training_report
    from ce_nas.rl.replay_data import load_recordings
    from ce_nas.rl.train import PolicyTrainingSettings, train_policy

    console = Console(quiet=quiet, stderr=True)
    settings = PolicyTrainingSettings(
        seed=seed,
        seeds=seeds,
        demonstrations=demonstrations,
        steps=steps,
        validation_scenarios=validation,
        reward=reward,
        continuous=continuous,
    )
    require_plots("Training a policy", "rl")  # errors are raised before the training rather than after it
    for other in compare_with or ():
        read_training_report(other)
    train_policy(settings, load_recordings(recordings), out, console.print)
    plot_learning_curves(out, compare_with or ())
    console.print(f"The policy is in {out / 'policy.npz'}; its learning curves are in {out / 'training.png'}.")


@app.command("evaluate")
def evaluate(  # noqa: PLR0913 - one parameter per option
    *,
    policy: PolicyOption = None,
    recordings: RecordingsOption = None,
    scenarios: ScenariosOption = 48,
    seed: SeedOption = 0,
    oracle_forecast: OracleForecastOption = False,
    json: JsonOption = None,
    quiet: QuietOption = False,
) -> None:
    """Compare a policy with every baseline on the same searches, in zones that it was not trained on."""
    from ce_nas.rl.evaluate import compare_with_baselines

    results = compare_with_baselines(policy, recordings, scenarios, seed, oracle_forecast=oracle_forecast)
    write_json(json, [result.to_dict() for result in results])
    if shows_text(json, quiet=quiet):
        _print_results(results)


def _print_results(results: Sequence[PolicyEvaluation]) -> None:
    from ce_nas.apps.cli.tables import print_table

    print_table(
        f"{results[0].scenario_count} searches: carbon to the target, in units of its trainings at average intensity",
        ("policy", "carbon", "ratio to first", "reached", "with penalties", "trainings", "hours"),
        [
            (
                result.policy,
                _format_interval(result.normalized_carbon),
                _format_interval(result.carbon_ratio),
                format_percentage(result.success_rate),
                f"{result.mean_cost:.3f}",
                f"{result.trainings.median:.0f}",
                f"{result.hours.median:.0f}",
            )
            for result in results
        ],
    )


def _format_interval(interval: Interval) -> str:
    return f"{interval.median:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
