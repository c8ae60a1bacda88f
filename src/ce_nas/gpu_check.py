"""``python -m ce_nas.gpu_check --out DIR``: in at most eight minutes, what only a GPU can show of this package.

Needs torch, numpy and nvidia-ml-py alone (``PYTHONPATH=src`` in a clone). The steps run in a process of their own. Each
keeps to its time; one that does not, or that hangs, is ended with its process, and the next one starts in a new one. A
failure of one is a line of the result, not its end. Without a GPU it runs on the CPU with small networks and leaves out
what needs one. Writes ``gpu_check.json`` and ``gpu_check.html``.
"""

from __future__ import annotations

import argparse
import html
import json
import multiprocessing
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch

from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import CeNasError
from ce_nas.gpu_check_steps import STEPS
from ce_nas.gpu_workloads import CheckSettings, open_gpu_meter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from multiprocessing.connection import Connection

    Step = Callable[[CheckSettings, float], dict[str, Any]]

__all__ = ["CheckSettings", "main", "run_check"]

#: a step is ended once it has taken this share of its time longer, and these seconds more, s
_GRACE_SHARE, _GRACE_S = 0.5, 20.0
#: with less time left than this, no further step starts, s
_SHORTEST_STEP_S = 5.0


def run_check(settings: CheckSettings, out: Path, steps: Mapping[str, Step] = STEPS) -> dict[str, Any]:
    """Run every step within its time, and write the result; returns it, step by step.

    :param steps: functions of the settings and of the seconds that they may take, by name; picklable.
    :raises OSError: if ``out`` cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    deadline_s = monotonic_s() + settings.total_s
    found: dict[str, dict[str, Any]] = {}
    with _StepProcess(settings) as process:
        for name, step in steps.items():
            begin_s = monotonic_s()
            if deadline_s - begin_s < min(settings.step_s, _SHORTEST_STEP_S):
                result: dict[str, Any] = {"skipped": "no time left"}
            else:
                result = process.run(step, deadline_s)
            if "tflops" in found.get("peak", {}) and "tflops" in result:
                result["share_of_bf16_peak"] = result["tflops"] / found["peak"]["tflops"]
            found[name] = {**result, "took_s": round(monotonic_s() - begin_s, 2)}
            sys.stdout.write(f"{name}: {json.dumps(found[name])}\n")
            sys.stdout.flush()
            content = {"device": settings.device, "torch": torch.__version__, "steps": found}
            (out / "gpu_check.json").write_text(json.dumps(content, indent=2) + "\n")
            (out / "gpu_check.html").write_text(_render_page(content))
    return found


class _StepProcess:
    """A process that runs steps, and is replaced once it has been ended."""

    def __init__(self, settings: CheckSettings) -> None:
        self._settings = settings
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def run(self, step: Step, deadline_s: float) -> dict[str, Any]:
        """The result of a step, or in words that it was ended: ``deadline_s`` is that of all steps."""
        pipe = self._start()
        if not pipe.poll(max(deadline_s - monotonic_s(), 0.0)):  # that it has started, with torch and its libraries
            self._end()
            return {"failed": "the process of the steps did not start in time"}
        try:
            pipe.recv()
            limit_s = min(self._settings.step_s, deadline_s - monotonic_s())
            end_s = min(monotonic_s() + (1.0 + _GRACE_SHARE) * limit_s + _GRACE_S, deadline_s)
            pipe.send((step, limit_s))
            if pipe.poll(max(end_s - monotonic_s(), 0.0)):
                result: dict[str, Any] = pipe.recv()
                return result
        except (EOFError, OSError):
            code = self._end()
            return {"failed": f"its process ended with code {code}"}
        self._end()
        return {"failed": f"ended after its {limit_s:.3g} s"}

    def _start(self) -> Connection:
        if self._pipe is None:
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs, self._settings), daemon=True)
            self._process.start()
            theirs.close()
        return self._pipe

    def _end(self) -> int | None:
        """End the process; returns its exit code."""
        process, pipe, self._process, self._pipe = self._process, self._pipe, None, None
        if pipe is not None:
            pipe.close()
        if process is None:
            return None
        process.join(1.0)  # it ends by itself once its pipe is closed, unless it is at work
        process.kill()
        process.join()
        return process.exitcode


def _serve(pipe: Connection, settings: CheckSettings) -> None:
    """Run the steps that come through the pipe until it is closed."""
    try:
        while True:
            pipe.send(None)  # ready
            step, limit_s = pipe.recv()
            try:
                result = step(settings, limit_s)
            except (CeNasError, RuntimeError, ValueError, ImportError, OSError) as error:
                result = {"failed": f"{type(error).__name__}: {error}"}
            pipe.send(result)
    except (EOFError, ConnectionError):
        return


@contextmanager
def _power_limit_kept(settings: CheckSettings) -> Iterator[None]:
    """Set the power limit back at the end, also where the step that changes it was ended."""
    if not (settings.is_gpu and settings.power_limits):
        yield
        return
    _, nvml, handle = open_gpu_meter(settings)
    before_mw = nvml.nvmlDeviceGetPowerManagementLimit(handle)
    try:
        yield
    finally:
        if nvml.nvmlDeviceGetPowerManagementLimit(handle) != before_mw:
            nvml.nvmlDeviceSetPowerManagementLimit(handle, before_mw)


def _render_page(content: dict[str, Any]) -> str:
    rows = "\n".join(
        f"<tr><th>{html.escape(name)}</th><td>"
        + "<br>".join(f"{html.escape(key)}: {html.escape(_format(value))}" for key, value in step.items())
        + "</td></tr>"
        for name, step in content["steps"].items()
    )
    style = (
        "body{font:15px sans-serif;margin:2em}th{text-align:left;vertical-align:top;padding-right:2em}td{padding:.3em}"
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>GPU check</title><style>{style}</style>'
        f"<h1>GPU check</h1><p>{html.escape(content['device'])}, torch {html.escape(content['torch'])}</p>"
        f"<table>{rows}</table></html>\n"
    )


def _format(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main(arguments: list[str] | None = None) -> int:
    """Run the check as the command line says; returns the exit status, 1 if a step failed."""
    parser = argparse.ArgumentParser(prog="python -m ce_nas.gpu_check", description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of gpu_check.json and gpu_check.html")
    parser.add_argument("--data", help="CIFAR-10: its archive or folder; without it, generated images")
    parser.add_argument("--power-limits", action="store_true", help="also change the power limit, and set it back")
    parser.add_argument("--seconds", type=float, help="most that all steps may take together; 460 on a GPU, 240 else")
    parser.add_argument("--step-seconds", type=float, help="what a step is to keep to; a tenth of --seconds by default")
    given = parser.parse_args(arguments)
    settings = CheckSettings("cuda:0") if torch.cuda.is_available() else CheckSettings.for_cpu()
    if given.seconds:
        settings = replace(settings, total_s=given.seconds, step_s=given.seconds / len(STEPS))
    if given.step_seconds:
        settings = replace(settings, step_s=given.step_seconds)
    settings = replace(settings, data=given.data, power_limits=given.power_limits)
    with _power_limit_kept(settings):
        steps = run_check(settings, given.out)
    return int(any("failed" in step for step in steps.values()))


if __name__ == "__main__":
    sys.exit(main())
