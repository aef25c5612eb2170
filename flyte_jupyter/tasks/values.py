"""Checks of the values that tasks and environments share."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.loading import load

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
        raise TypeError(f"{what}={value!r} is a {type(value).__name__}; it must be a {kind.__name__} or None")
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
    raise TypeError(f'image={image!r} is a {type(image).__name__}; give an Image, its URI, or "auto"')


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
        raise TypeError(f"env_vars={env_vars!r} is a {type(env_vars).__name__}; give a dict of text to text")
    for name, value in (env_vars or {}).items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"env_vars[{name!r}]={value!r}: names and values are text; convert with str()")
        if not name or "=" in name or "\0" in name + value:
            raise DefinitionError(f"env_vars[{name!r}]: a name must not be empty nor hold '='")
    return MappingProxyType(dict(env_vars or {}))


def size_of(what: str, value: int) -> int:
    """Check a number of bytes.

    Raises:
        TypeError: it is no integer.
        DefinitionError: it is negative.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{what}={value!r} is a {type(value).__name__}; it is a number of bytes")
    if value < 0:
        raise DefinitionError(f"{what}={value}: bytes cannot be negative")
    return value


def flag(what: str, value: Any) -> bool:
    """Check a boolean.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{what}={value!r} is a {type(value).__name__}; it must be True or False")
    return value
