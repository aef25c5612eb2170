"""Tasks that are deployed at an endpoint, as tasks that can be called here."""

import copy
import dataclasses
import inspect
from typing import Any

from flyte_jupyter.backends.flyte_shared import pod
from flyte_jupyter.tasks.cache import Cache
from flyte_jupyter.tasks.interface import EMPTY, Interface, Parameter
from flyte_jupyter.tasks.policies import RetryStrategy, Timeout
from flyte_jupyter.tasks.resources import Resources
from flyte_jupyter.tasks.spec import TaskSpec
from flyte_jupyter.types.engine import TypeEngine
from flyte_jupyter.types.flyte_idl import of_interface, of_literal_message
from flyte_jupyter.types.guessing import guess
from flyte_jupyter.types.literal import SimpleType


def spec_of(details: Any, place: Any) -> TaskSpec:
    """Describe a deployed task.

    Args:
        details: the official ``TaskDetails``.
        place: the place that runs it.
    """
    template = details.pb2.spec.task_template
    name = template.id.name
    return TaskSpec(
        name=name,
        short_name=details.pb2.spec.short_name or name.rpartition(".")[2],
        func=_nowhere,
        interface=_interface(details, name),
        is_async=True,
        image="auto",
        resources=Resources(),
        cache=Cache("disable"),
        retries=RetryStrategy(0),
        timeout=Timeout(),
        report=template.metadata.generates_deck.value,
        place=place,
        deployed=details,
    )


def typed(details: Any, values: dict[str, Any]) -> Any:
    """Let the classes of values be those of the inputs: the endpoint knows their form only."""
    inputs = dict(details.interface.inputs)
    for name, value in values.items():
        if dataclasses.is_dataclass(value) or hasattr(value, "model_dump"):
            inputs[name] = (type(value), inputs[name][1])
    made = copy.copy(details)
    vars(made)["interface"] = dataclasses.replace(details.interface, inputs=inputs)
    return made


def _interface(details: Any, name: str) -> Interface:
    """Read the signature; without an order of the inputs, they go by name only."""
    template = details.pb2.spec.task_template
    inputs, outputs = of_interface(template.interface)
    order = next((pair.value for pair in template.container.config if pair.key == pod().ORDER), "")
    if order:
        inputs = {key: inputs[key] for key in order.split(",") if key in inputs}
    defaults = {
        one.name: TypeEngine.to_python_value(
            of_literal_message(one.parameter.default), _guess(inputs[one.name])
        )
        for one in details.pb2.spec.default_inputs
        if one.parameter.HasField("default")
    }
    parameters = [Parameter(key, _input(kind), defaults.get(key, EMPTY)) for key, kind in inputs.items()]
    known = inspect.Parameter.POSITIONAL_OR_KEYWORD
    how = known if order or len(parameters) == 1 else inspect.Parameter.KEYWORD_ONLY
    parameters.sort(key=lambda p: p.default is not EMPTY and not order)
    signature = inspect.Signature(
        [inspect.Parameter(p.name, how, default=p.default, annotation=p.type) for p in parameters]
    )
    given = tuple(Parameter(key, _guess(kind)) for key, kind in outputs.items())
    result = "none" if not given else "one" if len(given) == 1 else "tuple"
    return Interface(name, signature, tuple(parameters), given, result)


def _input(kind: Any) -> Any:
    """Take any object for a structure: its class is known to the caller only."""
    return Any if kind.simple is SimpleType.STRUCT else _guess(kind)


def _guess(kind: Any) -> Any:
    try:
        return guess(kind)
    except ValueError:
        return Any


def _nowhere(**_inputs: Any) -> Any:
    """Stands for a function that is at the endpoint only."""
    raise NotImplementedError("a deployed task runs where it is deployed")
