"""``typing.Literal`` of values that are not all text: any object, but only one of those."""

from dataclasses import replace
from typing import Any, get_args

from flyte_jupyter.types.codec import Codec, CodecOf, misfit
from flyte_jupyter.types.literal import Value
from flyte_jupyter.types.pickled import build_pickled


def build_any_choice(python_type: Any, codec_of: CodecOf) -> Codec:
    """Compile ``typing.Literal[1, 2, None]`` and the like."""
    choices = get_args(python_type)
    pickled = build_pickled(Any, codec_of)

    def choose(value: Any) -> Any:
        for choice in choices:
            if type(choice) is type(value) and choice == value:
                return choice
        raise misfit(f"one of {', '.join(map(repr, choices))}", value)

    def read(value: Value) -> Any:
        return choose(pickled.read(value))

    def exact(value: Any) -> bool:
        return any(type(choice) is type(value) and choice == value for choice in choices)

    return replace(
        pickled,
        python_type=python_type,
        write=lambda value: pickled.write(choose(value)),
        read=read,
        exact=exact,
    )
