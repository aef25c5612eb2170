"""Builds by the engine's classic builder, where there is no BuildKit."""

import threading
import time
from contextlib import ExitStack
from typing import Any

from flyte_jupyter.container_engine import remove, said
from flyte_jupyter.errors import ImageBuildError
from flyte_jupyter.images.buildkit import Tell, watched
from flyte_jupyter.images.order import Order
from flyte_jupyter.images.steps import StreamReader


def build(client: Any, order: Order, tell: Tell, stop: threading.Event) -> None:
    """Build an image; its steps and lines are told as they come.

    Raises:
        ImageBuildError: a step failed, or it was stopped.
        RuntimeSystemError: the engine no longer answers.
    """
    reader, failed = StreamReader(order.instructions, time.monotonic), ""
    with ExitStack() as stack:
        stack.enter_context(said(client, f"building {order.uri}"))
        options = {"platform": order.platforms[0]} if order.platforms else {}
        messages = client.api.build(
            fileobj=order.context(stack), custom_context=True, dockerfile=order.file, tag=order.uri, rm=True,
            forcerm=True, decode=True, nocache=order.fresh, **options,
        )  # fmt: skip
        stack.callback(messages.close)  # ends a build that goes on
        # The stream is silent as long as a step is; what runs it can be ended.
        stack.enter_context(watched(stop, lambda: remove(client, reader.container)))
        for message in messages:
            failed = str(message.get("error", failed))
            for found in reader.read(message):
                tell(found)
            if stop.is_set() or failed:
                break
    if stop.is_set():
        raise ImageBuildError(f"the build of {order.uri} was stopped")
    if failed:
        raise ImageBuildError(failed)
    for step in reader.close():
        tell(step)
    if not reader.image:
        raise ImageBuildError(f"the engine ended the build of {order.uri} without a word")
