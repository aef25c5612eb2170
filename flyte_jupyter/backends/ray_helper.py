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
    ray.cloudpickle.register_pickle_by_value(ray_boot)
    head = (asked["head"], began_at(asked["head"])) if asked["head"] else None
    for last in (False, False, True):
        made = _controller(asked["name"]).remote(asked["path"], head, asked["patience"])
        try:
            answer: dict[str, Any] = ray.get(made.address.remote(), timeout=_PATIENCE)
        except ray.exceptions.RayActorError:  # one that has just died; its name is free when Ray knows
            if last:
                raise
        else:
            return answer
    raise AssertionError


def _controller(name: str) -> Any:
    return ray.remote(ray_boot.ControllerBoot).options(
        name=name,
        lifetime="detached",
        get_if_exists=True,
        num_cpus=0,
        max_concurrency=_TOGETHER,
        **_on_head(),
    )


def _on_head() -> dict[str, Any]:
    """Place it on the head's node: when that is gone, the cluster is.

    Who asks for nothing at all is sent by way of any node, also of one that is gone and not yet missed.
    """
    if any(_HEAD_NODE in node["Resources"] for node in ray.nodes()):
        return {"resources": {_HEAD_NODE: 0.001}}
    return {"memory": 1}
