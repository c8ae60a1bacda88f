"""The pilot as a form: a team's inputs in, the decision paper out; each set of inputs is simulated once."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from ce_nas.apps.dashboard.layout import PageLayout, render_page
from ce_nas.apps.pilot.paper import decision_page
from ce_nas.apps.pilot.questionnaire import PilotInputs
from ce_nas.apps.pilot.simulate import EFFORTS, count_searches, run_pilot
from ce_nas.core.errors import CeNasError, SettingsError, unknown_choice_message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ce_nas.apps.pilot.result import PilotResult
    from ce_nas.apps.pilot.simulate import Effort
    from ce_nas.report.i18n.translator import Translator

__all__ = ["PilotForm", "PilotProgress", "PilotQueue", "pilot_page"]

#: inputs of the form, in its order, with the step of a number; a form cannot name a file of this machine
FORM_FIELDS = {
    "gpus": "1", "gpu_power_w": "any", "pue": "any", "gpu_hours": "any", "trainings": "1", "deadline": "",
    "searches_per_year": "any", "electricity_price": "any", "gpu_hour_price": "any", "carbon_price": "any",
    "currency": "", "adoption_hours": "any", "engineer_price": "any",
}  # fmt: skip
#: efforts that take a minute or two at most; the first is the default
OFFERED_EFFORTS = EFFORTS[1::-1]
#: seconds after which the page of a running pilot asks for an update
REFRESH_INTERVAL_S = 2.0
#: results in the cache, and pilots in the queue
MAX_CACHED_RESULTS, MAX_WAITING_PILOTS = 16, 3


@dataclass(frozen=True, slots=True)
class PilotForm:
    """The inputs as they were typed."""

    #: name of each input to its text
    values: Mapping[str, str]
    #: whether the form was sent
    submitted: bool
    #: the token of the form that was sent
    token: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> PilotForm:
        """Read the fields of the form from a query; others are ignored."""
        texts = {name: query.get(name, "").strip() for name in ("zone", "effort", *FORM_FIELDS)}
        return cls({name: text for name, text in texts.items() if text}, "go" in query, query.get("form", ""))

    @property
    def address(self) -> str:
        """The page's address with all inputs."""
        return f"/pilot?{urlencode({**self.values, 'go': '1'})}" if self.submitted else "/pilot"

    @property
    def effort(self) -> Effort:
        """The number of simulated searches.

        :raises SettingsError: if the effort is unknown.
        """
        for effort in OFFERED_EFFORTS:
            if effort == self.values.get("effort", OFFERED_EFFORTS[0]):
                return effort
        raise SettingsError(unknown_choice_message("effort", self.values["effort"], OFFERED_EFFORTS))

    def to_inputs(self, traces: Mapping[str, Path]) -> PilotInputs:
        """Parse the inputs.

        :param traces: zone to its file, for zones that are in files.
        :raises SettingsError: if one is invalid.
        """
        given: dict[str, Any] = {name: text for name, text in self.values.items() if name != "effort"}
        if trace := traces.get(given.get("zone", "")):
            given["trace"] = trace
        return PilotInputs.from_mapping(given)


@dataclass(frozen=True, slots=True)
class PilotProgress:
    """The progress of a pilot."""

    #: finished searches, and all searches; 0 while the pilot is in the queue
    done: int = 0
    total: int = 0


class PilotQueue:
    """Simulates the requested pilots one after another.

    :param submit: runs a function in the background, after those submitted before.
    """

    def __init__(self, submit: Callable[[Callable[[], None]], None]) -> None:
        self._submit = submit
        self._results: dict[tuple[PilotInputs, Effort], PilotResult | PilotProgress | str] = {}
        #: only a form that contains this token, which other sites cannot read, starts a pilot
        self.form_token = secrets.token_urlsafe(16)

    def find(self, inputs: PilotInputs, effort: Effort) -> PilotResult | PilotProgress | str | None:
        """Return the pilot for these inputs as :meth:`get_or_start`; None if it was not started."""
        return self._results.get((inputs, effort))

    def get_or_start(self, inputs: PilotInputs, effort: Effort) -> PilotResult | PilotProgress | str:
        """Return the pilot for these inputs: its result, its progress, or the message of its error.

        :raises SettingsError: if too many pilots are in the queue.
        """
        key = (inputs, effort)
        if key not in self._results:
            waiting = sum(isinstance(result, PilotProgress) for result in self._results.values())
            if waiting > MAX_WAITING_PILOTS:
                message = f"Expected {MAX_WAITING_PILOTS} pilots at most in the queue; try again in a minute."
                raise SettingsError(message)
            finished = [key for key, result in self._results.items() if not isinstance(result, PilotProgress)]
            for oldest in finished[: 1 - MAX_CACHED_RESULTS]:
                del self._results[oldest]
            self._results[key] = PilotProgress()
            self._submit(lambda: self._simulate(key))
        return self._results[key]

    def _simulate(self, key: tuple[PilotInputs, Effort]) -> None:
        def on_progress(done: int, total: int) -> None:
            self._results[key] = PilotProgress(done, total)

        try:
            self._results[key] = run_pilot(*key, on_progress)
        except CeNasError as error:
            self._results[key] = str(error)


def pilot_page(
    form: PilotForm,
    result: PilotResult | PilotProgress | str | None,
    zones: list[str],
    translate: Translator,
    form_token: str = "",
) -> str:
    """Render the page.

    :param result: None before the form is submitted.
    :param form_token: the token that the form sends.
    """
    progress = result if isinstance(result, PilotProgress) else None
    paper = None if result is None or isinstance(result, PilotProgress | str) else decision_page(result, translate)
    title = translate("board.pilot.title") if paper is None else paper.title
    lead = translate("board.pilot.lead") if paper is None else paper.lead
    layout = PageLayout(title, lead, "pilot", form.address, REFRESH_INTERVAL_S if progress else 0.0)
    defaults = {field.name: field.default for field in fields(PilotInputs)}
    inputs = [(name, step, _format_default(defaults.get(name))) for name, step in FORM_FIELDS.items()]
    return render_page(
        "pilot.html", layout, translate, sections=paper.sections if paper else [], form=form, zones=zones,
        inputs=inputs, efforts=OFFERED_EFFORTS, sizes={effort: count_searches(effort) for effort in OFFERED_EFFORTS},
        progress=progress, form_token=form_token,
        problem=result if isinstance(result, str) else "",
    )  # fmt: skip


def _format_default(value: object) -> str:
    """The default of an input as it would be typed."""
    return f"{value:g}" if isinstance(value, float | int) else str(value or "")
