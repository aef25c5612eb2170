"""The user's modules count by what is used of them; packages by their version."""

import gc
import importlib
import subprocess
import sys
import textwrap
from decimal import Decimal
from types import ModuleType

import pytest
from cells import notebook

from flyte_jupyter.tasks.slicing import packages
from flyte_jupyter.tasks.slicing.imports import of_object
from flyte_jupyter.tasks.slicing.origins import Origin, of_class, of_module, of_name
from flyte_jupyter.tasks.source import slice_of, version_of

HELPERS = """
    import math
    import morehelpers
    LIMIT = 1
    def clean(x):
        return x + LIMIT
    def other(x):
        return math.sqrt(x)
    def through(x):
        return morehelpers.deep(x)
    class Tool:
        def run(self): return clean(1)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder on the path whose modules are forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    write(tmp_path, "helpers", HELPERS)
    write(tmp_path, "morehelpers", "DEPTH = 1\ndef deep(x):\n    return x + DEPTH\n")
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(folder, name, text):
    (folder / f"{name}.py").write_text(textwrap.dedent(text))
    importlib.invalidate_caches()


def edit(folder, name, old, new):
    path = folder / f"{name}.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    importlib.invalidate_caches()


USES = [
    "import helpers\ndef work(x): return helpers.clean(x)",
    "import helpers as h\ndef work(x): return h.clean(x)",
    "from helpers import clean\ndef work(x): return clean(x)",
    "from helpers import *\ndef work(x): return clean(x)",
    "from helpers import clean as c\nFNS = [c]\ndef work(x): return FNS[0](x)",
    "def work(x):\n    from helpers import clean\n    return clean(x)",
    "import helpers\ndef make(h):\n    def work(x): return h.clean(x)\n    return work\nwork = make(helpers)",
    "import helpers\ndef work(x): return helpers.Tool().run()",
    "import helpers\ndef work(x): return getattr(helpers, 'clean')(x)",
    "def work(x):\n    import helpers\n    return helpers.clean(x)",
]


@pytest.mark.parametrize("text", USES)
def test_an_edited_and_reloaded_module_counts(folder, text):
    importlib.import_module("helpers")
    before = version_of(notebook(text)["work"])
    assert version_of(notebook(text)["work"]) == before

    edit(folder, "helpers", "x + LIMIT", "x - LIMIT")
    importlib.reload(sys.modules["helpers"])

    assert version_of(notebook(text)["work"]) != before


@pytest.mark.parametrize("text", USES)
def test_a_constant_of_a_module_counts(folder, text):
    helpers = importlib.import_module("helpers")
    before = version_of(notebook(text)["work"])
    helpers.LIMIT = 2

    assert version_of(notebook(text)["work"]) != before


@pytest.mark.parametrize("text", USES[:6])
def test_what_is_not_used_of_a_module_does_not_count(folder, text):
    importlib.import_module("helpers")
    before = version_of(notebook(text)["work"])
    edit(folder, "helpers", "math.sqrt(x)", "math.exp(x)")
    importlib.reload(sys.modules["helpers"])

    assert version_of(notebook(text)["work"]) == before


def test_modules_that_a_module_imports_count(folder):
    text = "import helpers\ndef work(x): return helpers.through(x)"
    importlib.import_module("helpers")
    before = slice_of(notebook(text)["work"])
    edit(folder, "morehelpers", "DEPTH = 1", "DEPTH = 2")
    importlib.reload(sys.modules["morehelpers"])
    after = slice_of(notebook(text)["work"])

    assert [str(c) for c in after.diff(before.mapping())] == ["`morehelpers.DEPTH` 1 -> 2"]


def test_what_is_loaded_counts_and_not_what_is_on_disk(folder):
    text = "import helpers\ndef work(x): return helpers.clean(x)"
    importlib.import_module("helpers")
    loaded = version_of(notebook(text)["work"])
    edit(folder, "helpers", "x + LIMIT", "x * LIMIT")
    edited = slice_of(notebook(text)["work"])
    importlib.reload(sys.modules["helpers"])

    assert version_of(notebook(text)["work"]) not in {loaded, edited.version}


def test_an_edit_that_is_not_loaded_yet_is_named_in_a_warning(folder):
    text = "import helpers\ndef work(x): return helpers.clean(x)"
    importlib.import_module("helpers")
    edit(folder, "helpers", "x + LIMIT", "x * LIMIT")
    found = slice_of(notebook(text)["work"])

    assert "helpers.py has changed since it was imported" in found.warnings[0]


def test_a_module_that_is_imported_late_counts_by_its_files(folder):
    text = "def work(x):\n    import helpers\n    return helpers.through(x)"
    book = notebook(text)
    before = version_of(book["work"])
    assert version_of(book["work"]) == before
    edit(folder, "morehelpers", "DEPTH = 1", "DEPTH = 22")
    after = version_of(book["work"])

    assert after != before
    assert "helpers" not in sys.modules


def test_comments_in_a_module_do_not_count(folder):
    text = "import helpers\ndef work(x): return helpers.clean(x)"
    importlib.import_module("helpers")
    before = version_of(notebook(text)["work"])
    edit(folder, "helpers", "x + LIMIT", "x  +  LIMIT  # said")
    importlib.reload(sys.modules["helpers"])

    assert version_of(notebook(text)["work"]) == before


def test_a_package_s_submodules_are_told_apart(folder):
    (folder / "pack").mkdir()
    (folder / "pack" / "__init__.py").write_text("")
    (folder / "pack" / "one.py").write_text("from .two import k\ndef go(): return k()\n")
    (folder / "pack" / "two.py").write_text("def k(): return 1\ndef m(): return 1\n")
    importlib.invalidate_caches()
    importlib.import_module("pack.one")
    work = notebook("import pack.one\ndef work(): return pack.one.go()")["work"]

    assert [p.name for p in slice_of(work).parts] == ["work", "pack.one.go", "pack.two.k", "Python"]


def test_packages_count_by_version_and_are_named_by_the_change():
    work = notebook("import pandas as pd, numpy as np\ndef work(): return pd.DataFrame(np.zeros(3))")["work"]
    found = slice_of(work)
    old = {name: line.replace("3.", "2.") for name, line in found.mapping().items()}
    old["pandas"] = "package:0:2.2.1"

    names = {p.name: p.text for p in found.parts if p.kind == "package"}
    assert set(names) == {"pandas", "numpy"}
    assert f"pandas 2.2.1 -> {names['pandas']}" in [str(c) for c in found.diff(old)]


def test_a_package_counts_where_only_a_parameter_names_it():
    work = notebook("import pandas as pd\ndef work(df: pd.DataFrame): return df.dropna()")["work"]

    assert "pandas" in [p.name for p in slice_of(work).parts]


def test_versions_are_found_by_what_is_imported():
    import sklearn
    import yaml

    assert packages.version_of_package("sklearn") == sklearn.__version__
    assert packages.version_of_package("yaml") == yaml.__version__
    assert packages.version_of_package("no_such_package") == ""


def test_the_standard_library_is_no_part():
    work = notebook(
        "import json, os.path\nfrom re import sub\ndef work(x): return json.dumps(os.path.join(sub('', '')))"
    )["work"]

    assert [p.name for p in slice_of(work).parts] == ["work", "Python"]


def test_whose_code_it_is():
    import json

    import numpy as np

    import flyte_jupyter

    assert of_module(json) is Origin.PYTHON
    assert of_module(np) is Origin.PACKAGE
    assert of_module(flyte_jupyter) is Origin.OURS
    assert of_module(sys.modules[__name__]) is Origin.LOCAL
    assert of_name("zoneinfo") is Origin.PYTHON
    assert of_class(ExceptionGroup) is Origin.PYTHON
    assert of_class(np.ndarray) is Origin.PACKAGE


def test_a_library_s_decorator_keeps_the_user_s_function_in_sight():
    text = "import contextlib\n@contextlib.contextmanager\ndef ctx():\n    yield {}\n"
    text += "def work():\n    with ctx() as c: return c"

    assert version_of(notebook(text.format(1))["work"]) == version_of(notebook(text.format(1))["work"])
    assert version_of(notebook(text.format(1))["work"]) != version_of(notebook(text.format(2))["work"])


def test_importing_a_library_while_running_does_not_change_the_version(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("""
from flyte_jupyter.tasks.source import version_of

def body():
    import wave
    from colorsys import rgb_to_hsv
    import xxhash
    return wave, rgb_to_hsv, xxhash

before = version_of(body)
body()
assert version_of(body) == before
""")

    subprocess.run([sys.executable, str(script)], check=True)


class Importer:
    """What imports when it is collected: a socket that nobody closed warns so, for one."""

    def __init__(self):
        self.me = self

    def __del__(self):
        name = f"found_while_collecting_{id(self)}"
        sys.modules[name] = ModuleType(name)


def test_what_is_collected_on_the_way_may_import(folder):
    thresholds = gc.get_threshold()
    gc.set_threshold(200)  # reached while looking through what is loaded
    try:
        for _ in range(20):
            for _ in range(20):
                Importer()
            assert of_object(Decimal, "Decimal", None) == "from decimal import Decimal"
    finally:
        gc.set_threshold(*thresholds)
