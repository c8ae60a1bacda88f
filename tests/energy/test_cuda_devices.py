import pytest

from ce_nas.core.errors import EnergyError
from ce_nas.energy.cuda_devices import list_visible_gpus, resolve_cuda_device, show_only_device


class FakeNvml:
    """Four GPUs; handles are their numbers."""

    class NVMLError(Exception):
        pass

    def __init__(self, *names):
        self.names = names or ("A100",) * 4

    def nvmlDeviceGetCount(self):  # noqa: N802 - NVML's name
        return len(self.names)

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        return index

    def nvmlDeviceGetUUID(self, handle):  # noqa: N802
        return f"GPU-{handle}{handle}aa-0000".encode()

    def nvmlDeviceGetName(self, handle):  # noqa: N802
        return self.names[handle]


def indices(mask=None, *, names=(), **environ):
    environ |= {} if mask is None else {"CUDA_VISIBLE_DEVICES": mask}
    return [gpu.nvml_index for gpu in list_visible_gpus(FakeNvml(*names), environ)]


@pytest.mark.parametrize(
    ("mask", "shown"),
    [
        (None, [0, 1, 2, 3]),
        ("2,3", [2, 3]),
        ("3, 1", [3, 1]),
        ("GPU-22aa-0000,GPU-00", [2, 0]),
        ("", []),
        ("-1", []),
        ("1,-1,2", [1]),
        ("1,9,2", [1]),
        ("1,1,2", [1]),
        ("GPU-nope,1", []),
    ],
)
def test_the_mask_is_read_as_cuda_reads_it(mask, shown):
    assert indices(mask) == shown


def test_cuda_numbers_map_to_physical_gpus_by_uuid():
    gpu = resolve_cuda_device(1, FakeNvml(), {"CUDA_VISIBLE_DEVICES": "2,3"})
    assert (gpu.uuid, gpu.nvml_index) == ("GPU-33aa-0000", 3)


def test_a_mig_instance_is_known_by_its_name():
    gpu = resolve_cuda_device(0, FakeNvml(), {"CUDA_VISIBLE_DEVICES": "MIG-1234"})
    assert gpu.is_mig
    assert gpu.nvml_index is None


def test_what_cuda_itself_says_goes_first():
    gpu = resolve_cuda_device(0, FakeNvml("H100", "A100"), {}, lambda _: "11aa-0000")
    assert gpu.nvml_index == 1


def test_fastest_first_among_several_models_is_not_guessed():
    with pytest.raises(EnergyError, match="CUDA_DEVICE_ORDER=PCI_BUS_ID"):
        indices(names=("H100", "A100"))
    assert indices(names=("H100", "A100"), CUDA_DEVICE_ORDER="PCI_BUS_ID") == [0, 1]
    assert indices("GPU-11aa", names=("H100", "A100")) == [1]


def test_a_number_that_is_not_shown_is_refused_with_the_mask():
    with pytest.raises(EnergyError, match=r"cuda:2.*CUDA_VISIBLE_DEVICES='0,1'.*cuda:0 to cuda:1"):
        resolve_cuda_device(2, FakeNvml(), {"CUDA_VISIBLE_DEVICES": "0,1"})


@pytest.mark.parametrize(
    ("device", "mask", "shown"),
    [
        ("cuda:1", None, "GPU-11aa-0000"),
        ("cuda", None, "GPU-00aa-0000"),
        ("cuda:1", "2,3", "GPU-33aa-0000"),
        ("cuda:0", "GPU-22aa-0000,GPU-00aa-0000", "GPU-22aa-0000"),
        ("cuda:1", "MIG-12, MIG-34", "MIG-34"),
    ],
)
def test_a_process_sees_its_own_gpu_alone(device, mask, shown):
    environ = {} if mask is None else {"CUDA_VISIBLE_DEVICES": mask}
    name = show_only_device(device, FakeNvml, environ)
    assert (name, environ["CUDA_VISIBLE_DEVICES"]) == ("cuda:0", shown)
    assert show_only_device(name, FakeNvml, environ) == "cuda:0"  # once more changes nothing
    assert environ["CUDA_VISIBLE_DEVICES"] == shown


def test_a_trial_on_several_gpus_sees_these():
    environ = {"CUDA_VISIBLE_DEVICES": "3,1,0"}
    assert show_only_device("cuda:0+cuda:2", FakeNvml, environ) == "cuda:0+cuda:1"
    assert environ["CUDA_VISIBLE_DEVICES"] == "GPU-33aa-0000,GPU-00aa-0000"


def test_without_nvml_a_number_stays_a_number():
    def no_driver():
        raise EnergyError(*["no driver"])

    environ = {"CUDA_VISIBLE_DEVICES": "4,6"}
    show_only_device("cuda:1", no_driver, environ)
    assert environ["CUDA_VISIBLE_DEVICES"] == "6"
    environ = {}
    show_only_device("cuda:3", no_driver, environ)
    assert environ["CUDA_VISIBLE_DEVICES"] == "3"


def test_a_cpu_changes_no_mask():
    environ = {"CUDA_VISIBLE_DEVICES": "4,6"}
    assert show_only_device("cpu", FakeNvml, environ) == "cpu"
    assert environ["CUDA_VISIBLE_DEVICES"] == "4,6"


def test_a_device_beyond_the_mask_is_refused():
    with pytest.raises(EnergyError, match=r"cuda:2.*'0,1' shows 2"):
        show_only_device("cuda:2", FakeNvml, {"CUDA_VISIBLE_DEVICES": "0,1"})
    with pytest.raises(EnergyError, match="shows 0"):
        show_only_device("cuda", FakeNvml, {"CUDA_VISIBLE_DEVICES": ""})


def test_gpus_that_slurm_assigned_but_did_not_hide_are_respected():
    environ = {"SLURM_JOB_GPUS": "1,3", "SLURM_STEP_GPUS": "3"}
    show_only_device("cuda", lambda: FakeNvml("H100", "A100", "A100", "A100"), environ)
    assert environ["CUDA_VISIBLE_DEVICES"] == "GPU-33aa-0000"
    environ = {"SLURM_JOB_GPUS": "1,3", "CUDA_VISIBLE_DEVICES": "0"}  # its own numbers, in a cgroup
    show_only_device("cuda", FakeNvml, environ)
    assert environ["CUDA_VISIBLE_DEVICES"] == "GPU-00aa-0000"


@pytest.mark.parametrize(
    ("environ", "device", "said"),
    [
        ({}, "cuda:9", "cuda:9, but CUDA shows 4 device"),
        ({"CUDA_VISIBLE_DEVICES": "2,2"}, "cuda:1", "shows 1 device.* Choose cuda:0"),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, "cuda", "shows 0 device.*: none. Change it, or use cpu"),
    ],
)
def test_a_device_that_is_not_there_is_refused_before_it_is_hidden(environ, device, said):
    before = dict(environ)
    with pytest.raises(EnergyError, match=said):
        show_only_device(device, FakeNvml, environ)
    assert environ == before
