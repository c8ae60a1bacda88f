"""The manifest and the settings of a search by KubeRay: their structure, without Kubernetes."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from ce_nas.config.schema import settings_from_flags

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def job():
    yaml = pytest.importorskip("yaml", reason="PyYAML comes with the extra ray")
    return yaml.safe_load((ROOT / "examples/kuberay.yaml").read_text())


@pytest.fixture(scope="module")
def settings():
    (block,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/kuberay.md").read_text(), flags=re.DOTALL)
    return settings_from_flags(tomllib.loads(block))


def pods(job):
    cluster = job["spec"]["rayClusterSpec"]
    return [group["template"]["spec"] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])]


def test_it_is_a_ray_job_with_what_the_operator_requires(job):
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert {"entrypoint", "backoffLimit", "shutdownAfterJobFinishes", "rayClusterSpec"} <= set(job["spec"])
    cluster = job["spec"]["rayClusterSpec"]
    assert {"rayStartParams", "template"} <= set(cluster["headGroupSpec"])
    for group in cluster["workerGroupSpecs"]:
        assert {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"} <= set(group)
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())


def test_all_pods_have_one_image_and_the_shared_volume(job):
    containers = [container for pod in pods(job) for container in pod["containers"]]
    assert len({container["image"] for container in containers}) == 1
    for pod in pods(job):
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in pod["containers"]:
            mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
            assert mounts == {"shared": "/shared"}
            assert set(mounts) <= volumes
            assert container["resources"]["requests"] == container["resources"]["limits"]


def test_the_driver_resumes_a_search_that_has_begun(job):
    shell, flag, script = shlex.split(job["spec"]["entrypoint"])
    assert (shell, flag) == ("sh", "-c")
    assert "ce-nas resume /shared/run" in script
    assert "ce-nas search /shared/search.toml --out /shared/run" in script


def test_the_settings_ask_for_the_gpus_that_there_are(job, settings):
    groups = job["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    limits = [group["template"]["spec"]["containers"][0]["resources"]["limits"] for group in groups]
    gpus = sum(group["replicas"] * limit["nvidia.com/gpu"] for group, limit in zip(groups, limits, strict=True))
    workers = settings.live.workers
    assert (workers.name, settings.cluster.gpus) == ("ray", gpus)
    assert all(limit["nvidia.com/gpu"] * workers.cpus <= float(limit["cpu"]) for limit in limits)
    grace_s = groups[0]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace_s >= workers.shutdown_timeout
