"""The card of a trained network: what it is, how good, what it cost, and how it was made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ce_nas.core.formatting import format_carbon, format_energy, format_percentage

__all__ = ["NetworkCard", "render_model_card", "stage_lines"]

#: stage of a run to the words for it, in order
STAGES = {
    "sampling": "scoring architectures",
    "supernet": "training of supernets",
    "training": "training of candidates",
    "other": "idle devices, checkpoints and start-ups",
    "final": "final training and test",
}


@dataclass(frozen=True, slots=True)
class NetworkCard:
    """The figures of a card; serialisable by :func:`dataclasses.asdict`."""

    architecture: str
    space: str
    #: why it was chosen
    reason: str
    data: str
    test_images: int
    #: share of correctly classified test images, %; looked at once, after the training
    test_accuracy_pct: float
    parameters: int
    #: multiply-accumulates of one image
    macs: int
    image_shape: tuple[int, int, int]
    #: median latency of a batch of one in eager torch on the training's device, ms
    latency_ms: float
    latency_device: str
    #: CO2eq of each stage of :data:`STAGES`, g
    carbon_g: dict[str, float]
    #: energy from the grid of each stage, PUE included, J
    energy_j: dict[str, float]
    #: sources of the final training's energy
    energy_sources: list[str]
    zone: str
    run: str
    seed: int
    #: the final training's recipe, and its network's size
    recipe: dict[str, Any]
    channels: int
    cells: int
    version: str
    files: list[str] = field(default_factory=list)
    #: share of time for which others used the device just before the latency was measured; None if unknown
    latency_busy_share: float | None = None


def stage_lines(card: NetworkCard) -> list[str]:
    """A line for each stage with its grams and energy, and one for all."""
    lines = [
        f"{words}: {format_carbon(card.carbon_g[stage])} CO2eq, {format_energy(card.energy_j[stage])}"
        for stage, words in STAGES.items()
    ]
    total_g, total_j = sum(card.carbon_g.values()), sum(card.energy_j.values())
    return [*lines, f"all stages: {format_carbon(total_g)} CO2eq, {format_energy(total_j)}"]


def render_model_card(card: NetworkCard) -> str:
    """The card in Markdown."""
    channels, height, width = card.image_shape
    stages = "\n".join(
        f"| {words} | {card.carbon_g[stage]:.4g} | {card.energy_j[stage] / 3600:.4g} |"
        for stage, words in STAGES.items()
    )
    recipe = ", ".join(f"{name} {value}" for name, value in card.recipe.items())
    share = card.latency_busy_share
    busy = "" if share is None else f", {format_percentage(share)} busy with other work just before"
    return f"""# Network of {card.space} for {card.data}

`{card.architecture}`

{card.reason}

| | |
| --- | --- |
| test accuracy | {card.test_accuracy_pct:.2f} % of {card.test_images} images, looked at once, after the training |
| parameters | {card.parameters:,} |
| multiply-accumulates | {card.macs:,} for an image of {channels} x {height} x {width} |
| latency | {card.latency_ms:.3g} ms, eager torch, batch of 1, {card.latency_device}{busy} |
| files | {", ".join(card.files)} |

| stage | g CO2eq | Wh |
| --- | --- | --- |
{stages}
| all | {sum(card.carbon_g.values()):.4g} | {sum(card.energy_j.values()) / 3600:.4g} |

Full accounting, PUE included, zone {card.zone}; the final training's energy: {", ".join(card.energy_sources)}.

Run {card.run}, seed {card.seed}, ce-nas {card.version}; {card.channels} channels, {card.cells} cells. Final recipe:
{recipe}.
"""
