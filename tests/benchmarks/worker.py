"""One contender in a process of its own: does the works that it is asked for on standard input."""

import gc
import importlib
import json
import os
import sys
import traceback
from pathlib import Path


def main() -> None:
    """Answer each line ``{"work": ..., "size": ...}`` with ``{"figure": ...}`` or ``{"error": ...}``."""
    sys.path.insert(0, str(Path(__file__).parent))
    out = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what contenders print is no answer
    contender = importlib.import_module(f"contenders.{sys.argv[1]}")
    for line in sys.stdin:
        order = json.loads(line)
        answer: dict[str, object]
        try:
            gc.collect()
            work = getattr(contender, order["work"], None)
            answer = {"missing": True} if work is None else {"figure": work(order["size"])}
        except Exception:
            answer = {"error": traceback.format_exc(limit=-3)}
        out.write(json.dumps(answer) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
