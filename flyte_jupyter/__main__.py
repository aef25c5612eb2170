"""``python -m flyte_jupyter``: the same as ``flyte-jupyter``."""

import sys

from flyte_jupyter.cli import main

sys.exit(main())
