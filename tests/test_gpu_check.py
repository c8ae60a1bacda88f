"""The GPU check runs on a CPU, bounded in time, on a machine with torch and numpy alone."""

import importlib.util
import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import ce_nas  # noqa: E402
from ce_nas import _bare_lazy_loader, gpu_check  # noqa: E402
from ce_nas.gpu_check_steps import STEPS  # noqa: E402
from ce_nas.gpu_workloads import CheckSettings  # noqa: E402

SOURCE = Path(ce_nas.__file__).parents[1]
#: what torch itself needs
OF_TORCH = (
    *("torch", "numpy", "numpy.libs", "sympy", "mpmath", "filelock", "typing_extensions.py", "networkx", "jinja2"),
    *("markupsafe", "fsspec", "functorch", "torchgen", "nvidia", "triton"),
)


@pytest.mark.long
def test_it_runs_bare_and_bounded(tmp_path):
    bare, packages = tmp_path / "bare", Path(sysconfig.get_paths()["purelib"])
    bare.mkdir()
    for name in OF_TORCH:
        if (packages / name).exists():
            (bare / name).symlink_to(packages / name)
    environment = {**os.environ, "PYTHONPATH": f"{bare}:{SOURCE}", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-S", "-m", "ce_nas.gpu_check", "--out", str(tmp_path / "out")]
    command += ["--seconds", "400", "--step-seconds", "1.6"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=480, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    steps = json.loads((tmp_path / "out/gpu_check.json").read_text())["steps"]
    assert list(steps) == [
        "device", "meter", "peak", "resume", "throughput", "supernet_throughput", "watched", "power_limits",
        "fast_recipe", "supernet_tau",
    ]  # fmt: skip
    assert steps["meter"] == {"skipped": "needs a GPU", "took_s": steps["meter"]["took_s"]}
    assert steps["resume"].get("identical", True)  # left out where the machine is too slow for it
    assert steps["throughput"]["share_of_bf16_peak"] > 0
    page = (tmp_path / "out/gpu_check.html").read_text()
    assert "supernet_tau" in page
    assert "http" not in page  # it loads nothing


#: steps that hang, end their process, fail, or work
STEPS_FILE = """
import os


def hang(settings, limit_s):
    while True:
        pass


def crash(settings, limit_s):
    os._exit(3)


def fail(settings, limit_s):
    raise ValueError("nothing there")


def work(settings, limit_s):
    return {"limit_s": limit_s}
"""


@pytest.mark.long
def test_a_step_that_hangs_or_crashes_is_ended_and_the_others_run(tmp_path, monkeypatch):
    (tmp_path / "bad_steps.py").write_text(STEPS_FILE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(gpu_check, "_GRACE_S", 0.1)
    import bad_steps

    names = ("hang", "crash", "fail", "work")
    settings = CheckSettings("cpu", step_s=0.5, total_s=300.0)
    found = gpu_check.run_check(settings, tmp_path, {name: getattr(bad_steps, name) for name in names})
    assert found["hang"]["failed"] == "ended after its 0.5 s"
    assert found["crash"]["failed"] == "its process ended with code 3"
    assert found["fail"]["failed"] == "ValueError: nothing there"
    assert found["work"]["limit_s"] == 0.5


def test_without_time_left_nothing_starts(tmp_path):
    found = gpu_check.run_check(CheckSettings("cpu", step_s=6.0, total_s=1.0), tmp_path)
    assert {result.get("skipped") for result in found.values()} == {"no time left"}


@pytest.mark.long
def test_a_suspended_training_ends_as_an_uninterrupted_one():
    settings = CheckSettings("cpu", channels=2, cells=3, batch=4, images=48)
    found = STEPS["resume"](settings, 600.0)
    assert found == {"identical": True, "differing_tensors": 0, "steps": 12, "suspended_at": 6}


@pytest.mark.long
def test_it_imports_what_torch_and_numpy_import_and_nothing_else():
    code = (
        "import sys, numpy, torch, {}\n"
        "print(*sorted({{name.partition('.')[0] for name in sys.modules}} - set(sys.stdlib_module_names)))"
    )
    loaded = [
        set(
            subprocess.run(
                [sys.executable, "-c", code.format(name)], capture_output=True, text=True, check=True
            ).stdout.split()
        )
        for name in ("torch", "ce_nas.gpu_check")
    ]
    assert {name for name in loaded[1] - loaded[0] if not name.startswith("_")} <= {"ce_nas", "lazy_loader"}


def test_the_stand_in_imports_lazily_like_the_original(tmp_path, monkeypatch):
    package = tmp_path / "lazy_room"
    package.mkdir()
    (package / "inner.py").write_text("value = 3\n")
    (package / "__init__.py").write_text(
        "from ce_nas import _bare_lazy_loader as lazy_loader\n"
        "__getattr__, __dir__, _ = lazy_loader.attach(__name__, ['inner'], {'inner': ['value']})\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import lazy_room

    assert "lazy_room.inner" not in sys.modules
    assert lazy_room.value == 3
    assert dir(lazy_room) == ["inner", "value"]
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        _ = lazy_room.other
    assert importlib.util.find_spec("lazy_loader")
    assert _bare_lazy_loader is not ce_nas.lazy_loader
