"""A real Ray cluster for tests: a head and one more node with a GPU that is not there, all on this machine."""

import atexit
import functools
import importlib.util
import json
import os
import secrets
import subprocess
import sys

import pytest

import flyte_jupyter as flyte
from flyte_jupyter.backends.ray import RayBackend

REASON = "ray is not installed; run: pip install 'flyte-jupyter[ray]'"
SETTINGS = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
}
"""What the cluster and who connects to it have in their environment."""


def needed():
    """Skip where Ray is not installed; fail there on CI."""
    if importlib.util.find_spec("ray") is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(REASON)


@functools.cache
def cluster():
    """The cluster; it ends with this process."""
    needed()
    os.environ.update(SETTINGS)  # Ray reads them when it is loaded
    from ray.cluster_utils import Cluster

    made = Cluster()
    added(made, num_cpus=8, object_store_memory=100_000_000, include_dashboard=False)
    atexit.register(made.shutdown)
    return made


def added(made, **node):
    """Add a node; Ray gives it half a minute, and a loaded machine may need more than that."""
    for last in (False, False, True):
        try:
            return made.add_node(**node)
        except Exception as error:
            if last or "timed out during startup" not in str(error):
                raise
    raise AssertionError


@functools.cache
def with_t4():
    """Two nodes with a T4 each, that is not there."""
    node = {"num_cpus": 1, "num_gpus": 1, "resources": {"accelerator_type:T4": 1}}
    return [added(cluster(), object_store_memory=100_000_000, **node) for _ in range(2)]


@functools.cache
def place():
    """The cluster as a place to run; one connection for all tests."""
    return RayBackend(cluster().address)


def conductor():
    """The process that conducts the newest run."""
    return int(next(iter(flyte.Run.listall())).state.source["pid"])


def held():
    """The placement groups that hold resources, as Ray itself lists them."""
    code = (
        "import json, logging, os, ray, sys\n"
        "ray.init(address=sys.argv[1], log_to_driver=False, logging_level=logging.ERROR)\n"
        "table = ray.util.placement_group_table()\n"
        "print(json.dumps([key for key, value in table.items() if value['state'] != 'REMOVED']), flush=True)\n"
        "os._exit(0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, cluster().address], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])
