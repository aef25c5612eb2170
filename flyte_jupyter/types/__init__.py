"""Values as literals: the types that go in and out of tasks."""

from flyte_jupyter.types.engine import TypeEngine
from flyte_jupyter.types.holding import held, holding, trusting
from flyte_jupyter.types.literal import Literal, LiteralType
from flyte_jupyter.types.transformer import TypeTransformer

__all__ = ["Literal", "LiteralType", "TypeEngine", "TypeTransformer", "held", "holding", "trusting"]
