"""Checks of the values that tasks and environments share."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.loading import load
from flyte_jupyter.tasks.checks import wrong_type

if TYPE_CHECKING:
    from flyte_jupyter.tasks.image import Image

T = TypeVar("T")
AUTO = "auto"
"""Stands for the default image."""


def type_checked(what: str, value: T | None, kind: type[T]) -> T | None:
    """Give the value back if it is None or of its kind.

    Raises:
        TypeError: it is not.
    """
    if value is not None and not isinstance(value, kind):
        raise wrong_type(what, value, f"a {kind.__name__} or None")
    return value


def image_of(image: "Image | str | None") -> "Image | str":
    """Check an image: a URI becomes an ``Image``, "auto" stays until somebody needs the default image.

    Raises:
        TypeError: it is neither an Image nor text.
        DefinitionError: the URI is none.
    """
    if image is None or (isinstance(image, str) and image == AUTO):
        return AUTO
    cls = load("flyte_jupyter.tasks.image:Image")
    found: Image
    if isinstance(image, str):
        if not image.strip():
            raise DefinitionError('image="" names nothing; give an image URI, an Image, or "auto"')
        found = cls.from_base(image)
        return found
    if isinstance(image, cls):
        found = image
        return found
    raise wrong_type("image", image, 'an Image, its URI, or "auto"')


def built_image(image: "Image | str") -> "Image":
    """Give the image itself; for "auto" the default one."""
    if not isinstance(image, str):
        return image
    default: Image = load("flyte_jupyter.tasks.image:Image").from_debian_base()
    return default


def env_vars_of(env_vars: Mapping[str, str] | None) -> Mapping[str, str]:
    """Freeze environment variables.

    Raises:
        TypeError: a name or a value is not text.
        DefinitionError: a name cannot be one.
    """
    if not isinstance(env_vars, Mapping | None):
        raise wrong_type("env_vars", env_vars, "a dict of text to text")
    for name, value in (env_vars or {}).items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"env_vars[{name!r}]={value!r}: names and values are text; convert with str()")
        if not name or "=" in name or "\0" in name + value:
            raise DefinitionError(
                f"env_vars[{name!r}]={value!r}: a name is neither empty nor holds '=', and neither holds NUL"
            )
    return MappingProxyType(dict(env_vars or {}))


def plain_state(definition: object, *computed: str) -> dict[str, Any]:
    """Give the attributes of a definition in a form that can be pickled, less those that are computed."""
    return {
        name: dict(value) if isinstance(value, MappingProxyType) else value
        for name, value in vars(definition).items()
        if name not in computed
    }


def restore(definition: object, state: Mapping[str, Any]) -> None:
    """Give a new definition the attributes that ``plain_state`` gave."""
    frozen = {name: MappingProxyType(value) for name, value in state.items() if name == "env_vars"}
    vars(definition).update({**state, **frozen})
