"""Files, folders and frames as inputs and outputs."""

from flyte_jupyter.types.files import File
from flyte_jupyter.types.folders import Dir
from flyte_jupyter.types.frame_engine import DataFrameDecoder, DataFrameEncoder, DataFrameTransformerEngine
from flyte_jupyter.types.handles import DataFrame

__all__ = [
    "DataFrame",
    "DataFrameDecoder",
    "DataFrameEncoder",
    "DataFrameTransformerEngine",
    "Dir",
    "File",
]
