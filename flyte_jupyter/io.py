"""Files, folders and frames as inputs and outputs."""

from flyte_jupyter.types.files import Dir, File

__all__ = ["Dir", "File"]
