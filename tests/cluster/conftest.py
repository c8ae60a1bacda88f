"""A Slurm cluster on this machine: munged, slurmctld and slurmd of Debian's packages."""

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest

CONF = """
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
AuthInfo=socket={folder}/munge/socket,cred_expire=15
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=1,sched_interval=2,bf_interval=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
JobRequeue=1
KillWait=2
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=30
PartitionName=urgent Nodes={host} MaxTime=INFINITE State=UP PriorityTier=9 PreemptMode=OFF
"""
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def find_program(name):
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def terminate(pid):
    """Terminate a daemon; kill it after five seconds."""
    for signal_number in (signal.SIGTERM, *[0] * 50, signal.SIGKILL):
        try:
            os.kill(pid, signal_number)
        except ProcessLookupError:
            return
        time.sleep(0.1)


class NoSlurmError(Exception):
    """Slurm cannot be started here."""


@contextlib.contextmanager
def run_slurm(folder):
    """Run a Slurm cluster with one node of two cores; its configuration is in the environment meanwhile."""
    missing = [name for name in PROGRAMS if find_program(name) is None]
    if missing or os.getuid() != 0:
        message = f"needs slurmctld, slurmd and munge, and root; missing: {missing}"
        raise NoSlurmError(message)
    for name in ("munge", "state", "spool"):
        (folder / name).mkdir(mode=0o700)
    (folder / "munge" / "key").write_bytes(os.urandom(1024))
    (folder / "munge" / "key").chmod(0o400)
    host, ports = socket.gethostname().partition(".")[0], (free_port(), free_port())
    conf = folder / "slurm.conf"
    conf.write_text(CONF.format(folder=folder, host=host, user=getpass.getuser(), ports=ports))
    munge = [f"--{name}-file={folder}/munge/{name}" for name in ("key", "pid", "log", "seed")]
    os.environ["SLURM_CONF"] = str(conf)
    try:
        subprocess.run([find_program("munged"), "--force", f"--socket={folder}/munge/socket", *munge], check=True)
        for name in ("slurmctld", "slurmd"):
            subprocess.run([find_program(name), "-f", str(conf)], check=True)
        for _ in range(300):
            command = ["sinfo", "-h", "-o", "%T"]
            if "idle" in subprocess.run(command, check=False, capture_output=True, text=True).stdout:
                break
            time.sleep(0.1)
        else:
            message = "Slurm's node did not come up"
            raise NoSlurmError(message)
        yield conf
    finally:
        for pid in (folder / "slurmd.pid", folder / "slurmctld.pid", folder / "munge" / "pid"):
            if pid.exists():
                terminate(int(pid.read_text()))
        del os.environ["SLURM_CONF"]


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """A Slurm cluster with one node of two cores; skipped if it is not installed or cannot be started."""
    pytest.importorskip("submitit", reason="needs the extra slurm")
    try:
        with run_slurm(tmp_path_factory.mktemp("slurm")) as conf:
            yield conf
    except NoSlurmError as error:
        pytest.skip(str(error))
