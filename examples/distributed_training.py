"""A training on two devices with PyTorch's DistributedDataParallel, for ``ce-nas search --live``.

    ce-nas search --live --evaluate examples/distributed_training.py --set live.devices_per_trial=2

Each of the processes is started as ``torchrun`` would: on GPUs it uses the one of its LOCAL_RANK and NCCL, here on CPUs
gloo. Whether to stop is asked in rank 0 and broadcast, so that all processes stop at the same step; rank 0 saves.
"""

from __future__ import annotations

import os

SPACE = {"width": [8, 16, 32], "activation": ["relu", "tanh"]}
OBJECTIVES = ["loss:min:2", "parameters:min:1000"]
STEPS = 20


def evaluate(architecture, fidelity, checkpoint):
    """Train a small network on random numbers; returns its loss, and its size, which is known."""
    import torch
    from torch import distributed

    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        return train(architecture, fidelity, checkpoint)
    finally:
        distributed.destroy_process_group()  # after the model is gone, whose end would wait for gloo's threads for ever


def train(architecture, fidelity, checkpoint):
    """The training, in a function of its own, so that the model is gone before its process group."""
    import torch
    from torch import distributed, nn

    on_gpus = torch.cuda.is_available()
    rank, device = distributed.get_rank(), torch.device("cpu")
    if on_gpus:
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    torch.manual_seed(0)
    activation = {"relu": nn.ReLU, "tanh": nn.Tanh}[architecture["activation"]]()
    network = nn.Sequential(nn.Linear(4, architecture["width"]), activation, nn.Linear(architecture["width"], 1))
    model = nn.parallel.DistributedDataParallel(network.to(device), device_ids=[device] if on_gpus else None)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    saved, first = checkpoint.folder / "training.pt", 0
    if saved.exists():
        state = torch.load(saved, map_location=device)
        first = state["step"]
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
    for step in range(first, max(round(fidelity * STEPS), 1)):
        stop = torch.tensor([rank == 0 and checkpoint.should_stop()], dtype=torch.int32, device=device)
        distributed.broadcast(stop, src=0)
        if stop.item():
            if rank == 0:
                state = {"step": step, "model": model.state_dict(), "optimiser": optimiser.state_dict()}
                torch.save(state, saved)
            distributed.barrier()
            return None
        generator = torch.Generator().manual_seed(1000 * step + rank)
        inputs = torch.randn(16, 4, generator=generator).to(device)
        loss = nn.functional.mse_loss(model(inputs), inputs.sum(1, keepdim=True))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    distributed.all_reduce(loss)
    distributed.barrier()
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return {"loss": loss.item() / distributed.get_world_size(), "parameters": parameters}
