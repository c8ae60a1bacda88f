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
from ce_nas import _bare_lazy_loader  # noqa: E402
from ce_nas.gpu_workloads import kendall_tau  # noqa: E402

SOURCE = Path(ce_nas.__file__).parents[1]
#: what torch itself needs
OF_TORCH = (
    *("torch", "numpy", "numpy.libs", "sympy", "mpmath", "filelock", "typing_extensions.py", "networkx", "jinja2"),
    *("markupsafe", "fsspec", "functorch", "torchgen", "nvidia", "triton"),
)


@pytest.mark.slow
def test_it_runs_bare_and_bounded(tmp_path):
    bare, packages = tmp_path / "bare", Path(sysconfig.get_paths()["purelib"])
    bare.mkdir()
    for name in OF_TORCH:
        if (packages / name).exists():
            (bare / name).symlink_to(packages / name)
    environment = {**os.environ, "PYTHONPATH": f"{bare}:{SOURCE}", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-S", "-m", "ce_nas.gpu_check", "--out", str(tmp_path / "out"), "--seconds", "24"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    steps = json.loads((tmp_path / "out/gpu_check.json").read_text())["steps"]
    assert list(steps) == [
        "device", "meter", "peak", "resume", "throughput", "supernet_throughput", "watched", "power_limits",
        "fast_recipe", "supernet_tau",
    ]  # fmt: skip
    assert steps["meter"] == {"skipped": "needs a GPU", "took_s": steps["meter"]["took_s"]}
    assert steps["resume"]["identical"]
    assert steps["throughput"]["share_of_bf16_peak"] > 0
    page = (tmp_path / "out/gpu_check.html").read_text()
    assert "supernet_tau" in page
    assert "http" not in page  # it loads nothing


def test_kendalls_tau_by_hand():
    assert kendall_tau([1, 2, 3, 4], [1, 2, 4, 3]) == pytest.approx(4 / 6)
    assert kendall_tau([1, 2], [5, 5]) is None


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
