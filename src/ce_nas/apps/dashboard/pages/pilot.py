"""The pilot as a form: a team's figures in, the decision paper out, simulated once for each set of figures."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from ce_nas.apps.dashboard.layout import Frame, page
from ce_nas.apps.pilot.first_page import decision_page
from ce_nas.apps.pilot.inputs import PilotFigures
from ce_nas.apps.pilot.simulate import EFFORTS, run_pilot
from ce_nas.core.errors import CeNasError, SettingsError, one_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ce_nas.apps.pilot.result import PilotResult
    from ce_nas.apps.pilot.simulate import Effort
    from ce_nas.report.i18n.words import Words

__all__ = ["Asked", "Pilots", "Progress", "pilot_page"]

#: what a form can state, in its order, and how it is typed in; files of this machine are none of a form's business
FIELDS = {
    "gpus": "1", "gpu_power_w": "any", "pue": "any", "gpu_hours": "any", "trainings": "1", "deadline": "",
    "searches_per_year": "any", "electricity_price": "any", "gpu_hour_price": "any", "carbon_price": "any",
    "currency": "", "adoption_hours": "any", "engineer_price": "any",
}  # fmt: skip
#: of the efforts those that end within a minute or two, the one that is taken first
OFFERED = EFFORTS[1::-1]
#: seconds after which a page asks how far its pilot has come
EVERY_S = 2.0
#: how many results are kept, and how many pilots may wait for one another
KEPT, WAITING = 16, 3


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reader typed in."""

    #: name of each figure to its text
    texts: Mapping[str, str]
    #: whether the form was sent
    sent: bool

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Asked:
        """The form's fields of a query; others are left out."""
        known = {name: query.get(name, "").strip() for name in ("zone", "effort", *FIELDS)}
        return cls({name: text for name, text in known.items() if text}, "go" in query)

    @property
    def address(self) -> str:
        """The page's address with all that was typed."""
        return f"/pilot?{urlencode({**self.texts, 'go': '1'})}" if self.sent else "/pilot"

    @property
    def effort(self) -> Effort:
        """How much is to be simulated.

        :raises SettingsError: if there is no such effort.
        """
        for effort in OFFERED:
            if effort == self.texts.get("effort", OFFERED[0]):
                return effort
        raise SettingsError(one_of("effort", self.texts["effort"], OFFERED))

    def figures(self, traces: Mapping[str, Path]) -> PilotFigures:
        """The figures.

        :param traces: zones that are in files.
        :raises SettingsError: if one is of no use.
        """
        stated: dict[str, Any] = {name: text for name, text in self.texts.items() if name != "effort"}
        if trace := traces.get(stated.get("zone", "")):
            stated["trace"] = trace
        return PilotFigures.of(stated)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pilot has come."""

    #: simulated searches that are done, and how many there are; 0 while it waits for another pilot
    done: int = 0
    total: int = 0


class Pilots:
    """Pilots that were asked for, one simulated after another.

    :param later: has something done when its turn comes.
    """

    def __init__(self, later: Callable[[Callable[[], None]], None]) -> None:
        self._later = later
        self._found: dict[tuple[PilotFigures, Effort], PilotResult | Progress | str] = {}

    def of(self, figures: PilotFigures, effort: Effort) -> PilotResult | Progress | str:
        """The pilot on these figures; how far it has come, or in a sentence why there can be none.

        :raises SettingsError: if too many wait already.
        """
        key = (figures, effort)
        if key not in self._found:
            if sum(isinstance(one, Progress) for one in self._found.values()) > WAITING:
                message = f"Expected {WAITING} pilots at most to wait for one another; try again in a minute."
                raise SettingsError(message)
            for old in [one for one, found in self._found.items() if not isinstance(found, Progress)][: 1 - KEPT]:
                del self._found[old]
            self._found[key] = Progress()
            self._later(lambda: self._simulate(key))
        return self._found[key]

    def _simulate(self, key: tuple[PilotFigures, Effort]) -> None:
        def observe(done: int, total: int) -> None:
            self._found[key] = Progress(done, total)

        try:
            self._found[key] = run_pilot(*key, observe)
        except CeNasError as error:
            self._found[key] = str(error)


def pilot_page(asked: Asked, found: PilotResult | Progress | str | None, zones: list[str], words: Words) -> str:
    """The page.

    :param found: None before the form is sent.
    """
    waits = isinstance(found, Progress)
    paper = None if found is None or isinstance(found, Progress | str) else decision_page(found, words)
    title = words("board.pilot.title") if paper is None else paper.title
    lead = words("board.pilot.lead") if paper is None else paper.lead
    frame = Frame(title, lead, "pilot", asked.address, EVERY_S if waits else 0.0)
    defaults = {item.name: item.default for item in fields(PilotFigures)}
    return page(
        "pilot.html", frame, words, sections=paper.sections if paper else [], asked=asked, zones=zones,
        inputs=[(name, step, _default(defaults.get(name))) for name, step in FIELDS.items()], efforts=OFFERED,
        progress=found if isinstance(found, Progress) else None, problem=found if isinstance(found, str) else "",
    )  # fmt: skip


def _default(value: object) -> str:
    """What is assumed where a figure is left out, as it would be typed."""
    return f"{value:g}" if isinstance(value, float | int) else str(value or "")
