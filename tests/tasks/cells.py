"""A notebook without a kernel: cells that are compiled, registered and run as IPython does it."""

import itertools
import linecache
import textwrap
from typing import Any

_numbers = itertools.count(1)


class Notebook:
    """A namespace and the cells that were run in it."""

    def __init__(self, name: str | None = "__main__") -> None:
        self.names: dict[str, Any] = {} if name is None else {"__name__": name}

    def run(self, text: str, *, registered: bool = True) -> "Notebook":
        text = textwrap.dedent(text)
        filename = f"/tmp/kernel_{next(_numbers)}/{abs(hash(text))}.py"
        if registered:
            linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        exec(compile(text, filename, "exec", dont_inherit=True), self.names)
        return self

    def __getitem__(self, name: str) -> Any:
        return self.names[name]


def notebook(*texts: str) -> Notebook:
    book = Notebook()
    for text in texts:
        book.run(text)
    return book
