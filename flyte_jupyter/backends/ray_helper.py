"""A process beside the kernel that knows Ray: it finds or makes the controller in a cluster, and ends.

So the kernel itself never loads Ray, is no driver of it, and prints nothing of it.
"""

import json
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from flyte_jupyter.backends import ray_boot
from flyte_jupyter.backends.ray_head import began_at

NAMESPACE = "flyte_jupyter"
_PATIENCE = 60.0
_TOGETHER = 1000
"""Calls to the controller at once."""

_HEAD_NODE = "node:__internal_head__"


def main() -> None:
    """Read what is wanted from standard input; write the answer as the last line."""
    asked = json.load(sys.stdin)
    try:
        answer = connected(asked)
    except Exception as error:  # noqa: BLE001 - told to the kernel
        answer = {"error": f"{type(error).__name__}: {error}"}
    sys.stdout.write("\n" + json.dumps(answer) + "\n")
    sys.stdout.flush()
    os._exit(0)  # Ray's own goodbyes take seconds


def connected(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Connect to a cluster and give the address of the controller there."""
    ray.init(
        address=asked["address"],
        namespace=NAMESPACE,
        log_to_driver=False,
        logging_level=logging.ERROR,
        configure_logging=False,
        include_dashboard=False,
    )
    head = (asked["head"], began_at(asked["head"])) if asked["head"] else None
    ray.cloudpickle.register_pickle_by_value(ray_boot)
    actor = ray.remote(ray_boot.ControllerBoot).options(
        name=asked["name"],
        lifetime="detached",
        get_if_exists=True,
        num_cpus=0,
        max_concurrency=_TOGETHER,
        scheduling_strategy=_on_head(),
    )
    made = actor.remote(asked["path"], head, asked["patience"])
    answer: dict[str, Any] = ray.get(made.address.remote(), timeout=_PATIENCE)
    return answer


def _on_head() -> Any:
    """Prefer the head's node: when that is gone, the cluster is."""
    for node in ray.nodes():
        if node["Alive"] and _HEAD_NODE in node["Resources"]:
            return NodeAffinitySchedulingStrategy(node["NodeID"], soft=True)
    return "DEFAULT"
