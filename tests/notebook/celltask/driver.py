"""Executes the notebooks in fresh shells, in one of the ways, and writes down what they did."""

import contextlib
import io
import os
import pickle
import sys
import traceback
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

MAGIC = {"uncached": "%%flyte_task\n", "cached": "%%flyte_task --cache auto\n"}


def main(way, out, folder, only):
    from cellbooks import BOOKS

    Path(folder).mkdir(parents=True, exist_ok=True)
    found = {}
    for name, cells in BOOKS.items():
        if only and name not in only:
            continue
        os.chdir(folder)
        Path(name).mkdir(exist_ok=True)
        os.chdir(name)
        found[name] = book(cells, MAGIC.get(way, ""))
    Path(out).write_bytes(pickle.dumps(found))


def book(cells, magic):
    from IPython.core.interactiveshell import InteractiveShell
    from portrait import outs, portrait

    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False
    shell.run_line_magic("load_ext", "flyte_jupyter")
    shell.run_cell("pass", store_history=False)
    record = []
    for cell in cells:
        shown = []
        shell.display_pub = publisher(shown)
        text = cell if cell.startswith("#plain") else as_task(cell, magic)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            result = shell.run_cell(text, store_history=True)
        notes = [d["data"]["text/plain"] for d in shown if (d.get("metadata") or {}).get("flyte_jupyter")]
        shown = [d for d in shown if not (d.get("metadata") or {}).get("flyte_jupyter")]
        error = result.error_before_exec or result.error_in_exec
        record.append(
            {
                "cell": cell,
                "out": clean(out.getvalue()) if error is None else "",
                "err": clean(err.getvalue()) if error is None else "",
                "shown": shown,
                "error": error_of(error, magic and text is not cell),
                "notes": notes,
                "names": portrait(shell.user_ns),
                "outs": outs(shell.user_ns),
            }
        )
    shell.run_line_magic("unload_ext", "flyte_jupyter")
    return record


def as_task(cell, magic):
    """Put the magic's line where it belongs: below ``%%time``."""
    head, end, rest = cell.partition("\n")
    return f"{head}{end}{magic}{rest}" if head == "%%time" else magic + cell


def clean(text):
    import re

    text = re.sub(r"0x[0-9a-fA-F]+", "0x", text)
    text = re.sub(r"(CPU times|Wall time).*", "", text)
    return re.sub(r"/[^ ]*ipykernel[^ :]*|<ipython-input[^>]*>:\d+|/tmp/[^ :]*", "<cell>", text)


def error_of(error, shifted):
    if error is None:
        return None
    last = None
    for frame in traceback.extract_tb(error.__traceback__):
        if "ipython-input" in frame.filename or "ipykernel" in frame.filename:
            last = frame.lineno
    if isinstance(error, SyntaxError):
        last = error.lineno
    return (
        type(error).__name__,
        str(error)[:80] if not isinstance(error, SyntaxError) else "",
        last and last - (1 if shifted else 0),
    )


def publisher(shown):
    from IPython.core.displaypub import DisplayPublisher

    class Publisher(DisplayPublisher):
        def publish(self, data, metadata=None, source=None, *, transient=None, update=False, **more):
            shown.append({"data": data, "metadata": metadata, "transient": transient, "update": update})

        def clear_output(self, wait=False):
            shown.append({"clear": wait})

    return Publisher()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
