"""Settings of the worker pool ray, without Ray."""

import pytest
from pydantic import ValidationError

from ce_nas.cluster.workers.ray_settings import RayResources, RayStorage, RayWorkerSettings


@pytest.mark.parametrize(("gpu_share", "device"), [(1.0, "cuda"), (0.5, "cuda"), (0.0, "cpu")])
def test_devices_are_of_other_machines(gpu_share, device):
    settings = RayWorkerSettings(name="ray", gpu_share=gpu_share)
    assert not settings.is_local
    assert settings.device_names(3) == (device,) * 3


@pytest.mark.parametrize("option", [{"gpu_share": 1.5}, {"cpus": -1}, {"checkpoint_limit_gb": 0}, {"heartbeat": "1s"}])
def test_what_cannot_be_is_refused(option):
    with pytest.raises(ValidationError):
        RayWorkerSettings(name="ray", **option)


def test_defaults_ask_for_a_cpu_and_find_out_about_the_folder():
    assert RayResources() == RayResources(cpus=1.0, gpus=0.0)
    assert RayStorage().is_shared is None
    assert RayStorage().limit_bytes == RayWorkerSettings(name="ray").checkpoint_limit_gb * 1e9
