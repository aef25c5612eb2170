"""A real kernel: the same notebook in every mode, errors at the cell's line, and a kernel that is killed."""

import json
import os
import re
import signal
import sys

import endpoints
import nbformat
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

CELLS = [
    "import flyte_jupyter as flyte\n%load_ext flyte_jupyter\nimport asyncio, dataclasses, enum\nimport pydantic",
    """
env = flyte.TaskEnvironment(name="book")

@dataclasses.dataclass
class Point:
    x: int
    y: int = 2
    more: list[int] = dataclasses.field(default_factory=list)

class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"

class Model(pydantic.BaseModel):
    name: str

class WrongError(Exception):
    pass
""",
    """
offset = 10
LINE = chr(10)

def helper(x):
    return x + offset

@env.task
def moved(point: Point, colour: Colour, model: Model) -> tuple[Point, Colour, Model]:
    print(f"moving {point.x}", end=LINE)
    return Point(helper(point.x), more=[1]), Colour.BLUE, Model(name=model.name + "!")

@env.task
async def pipeline(n: int) -> int:
    with flyte.group("moves"):
        found = await asyncio.gather(*[moved.aio(Point(i), Colour.RED, Model(name="a")) for i in range(n)])
    return sum(point.x for point, _, _ in found)
""",
    """
run = flyte.with_runcontext(mode=MODE).run(pipeline, 3)
value = run.outputs()[0]
value
""",
    """
run = flyte.with_runcontext(mode=MODE).run(moved, Point(1), Colour.RED, Model(name="b"))
point, colour, model = run.outputs()
type(point) is Point, point, colour is Colour.BLUE, type(model) is Model, model
""",
    """
%%flyte_task --mode {MODE} --wait --run "n=4"
async def magic(n: int) -> int:
    return await pipeline(n)
""",
]
LAST = "sorted({(a.task_name, a.phase.value, a.group) for a in flyte.remote.Run.get(run.name).actions})"


@pytest.fixture
def executed(endpoint, store_folder, tmp_path):
    """Executes cells in a fresh kernel that is connected by the environment."""

    def execute(cells, mode, **variables):
        book = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(c.replace("{MODE}", mode)) for c in [f"MODE = {mode!r}", *cells]]
        )
        for name, text in environment(endpoint, store_folder, **variables).items():
            os.environ[name] = text  # restored below
        manager = KernelManager()
        manager.kernel_spec.argv[0] = sys.executable
        NotebookClient(
            book, km=manager, timeout=90, resources={"metadata": {"path": str(tmp_path)}}
        ).execute()
        return book

    before = dict(os.environ)
    yield execute
    os.environ.clear()
    os.environ.update(before)


def environment(endpoint, home, **more):
    return {
        "FLYTE_JUPYTER_HOME": str(home),
        "FLYTE_JUPYTER_ENDPOINT": endpoint.url,
        "PYTHONPATH": str(endpoints.ROOT),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "DO_NOT_TRACK": "1",
        **more,
    }


def values(book):
    return [
        o["data"]["text/plain"] for c in book.cells for o in c.outputs if o.output_type == "execute_result"
    ]


def printed(book):
    texts = [
        o.text for c in book.cells for o in c.outputs if o.output_type == "stream" and o.name == "stdout"
    ]
    return sorted(re.findall(r"moving \d+", "".join(texts)))


def kinds(book):
    """Give what each cell displays beside the cards of runs."""
    shown = [[o.data for o in c.outputs if o.output_type == "display_data"] for c in book.cells]
    return [
        [sorted(data) for data in cell if not any("flyte-jupyter" in key for key in data)] for cell in shown
    ]


def test_the_same_notebook_in_every_mode(executed):
    books = {mode: executed([*CELLS, LAST], mode) for mode in ("local", "hybrid", "remote")}
    found = {mode: values(book) for mode, book in books.items()}
    assert found["local"][0] == "33"
    assert found["local"][1].startswith("(True, Point(x=11, y=2, more=[1]), True, True, Model(name='b!')")
    assert found["hybrid"] == found["local"]
    assert found["remote"] == found["local"]
    moves = sorted(f"moving {i}" for i in [0, 1, 2, 1, 0, 1, 2, 3])
    assert printed(books["hybrid"]) == printed(books["local"]) == moves
    for mode in ("hybrid", "remote"):
        said = [o.text for c in books[mode].cells for o in c.outputs if o.output_type == "stream"]
        assert not any("[flyte]" in text for text in said), said
        assert kinds(books[mode]) == kinds(books["local"]), "the official SDK shows nothing of its own"


@pytest.mark.parametrize("mode", ["local", "hybrid", "remote"])
def test_an_error_ends_at_the_cells_line(executed, mode):
    broken = """
@env.task
def fails(x: int) -> int:
    y = x + 1
    raise WrongError(f"no {y}")

@env.task
def parent(x: int) -> int:
    return fails(x)
"""
    with pytest.raises(CellExecutionError) as info:
        executed([*CELLS[:2], broken, "flyte.with_runcontext(mode=MODE).run(parent, 1).outputs()"], mode)
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(info.value))
    assert "WrongError" in text
    assert "no 2" in text
    assert text.rindex("Cell In[4], line 4") > text.index("Cell In[4], line 8")
    assert "flyte_jupyter/" not in text


class Kernel:
    """A kernel that can be killed."""

    def __init__(self, endpoint, home, folder, **more):
        self.manager = KernelManager()
        self.manager.kernel_spec.argv[0] = sys.executable
        self.manager.start_kernel(env={**os.environ, **environment(endpoint, home, **more)}, cwd=str(folder))
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, code):
        said = []
        reply = self.client.execute_interactive(
            code, timeout=90, output_hook=lambda m: said.append(m["content"]), allow_stdin=False
        )
        assert reply["content"]["status"] == "ok", reply["content"]
        return "".join(c.get("text", "") for c in said)

    def kill(self):
        os.kill(self.manager.provisioner.process.pid, signal.SIGKILL)
        self.close()

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


SLOW = """
import flyte_jupyter as flyte, time
%load_ext flyte_jupyter
env = flyte.TaskEnvironment(name="slow")

@env.task
def step(i: int) -> int:
    print("step", i)
    time.sleep(0.4)
    return i

@env.task(report=True)
def steps(n: int) -> int:
    flyte.report.log("<p>steps</p>")
    total = 0
    for i in range(n):
        print("before", i)
        total += step(i)
    return total
"""


def test_a_run_goes_on_while_its_kernel_is_killed_and_a_new_one_picks_it_up(endpoint, store_folder, tmp_path):
    first = Kernel(endpoint, store_folder, tmp_path)
    first.run(SLOW)
    first.run('run = flyte.with_runcontext(mode="remote", name="goes-on").run(steps, 8)')
    first.run("while sum(a.done() for a in run.actions) < 2:\n    time.sleep(0.05)")
    first.kill()
    second = Kernel(endpoint, store_folder, tmp_path)
    try:
        second.run("import flyte_jupyter as flyte\n%load_ext flyte_jupyter")
        said = second.run("%flyte show goes-on")
        assert "is gone" in said
        assert "goes-on" in said
        second.run('run = flyte.remote.Run.get("goes-on")')
        facts = json.loads(
            second.run(
                "import json\nprint(json.dumps([run.outputs()[0], run.phase.value, len(run.actions), "
                "[len(a.attempts) for a in run.actions], '<p>steps</p>' in run.report(), "
                "sorted(line for row in run.logs() for line in row.text.splitlines())]))"
            ).splitlines()[-1]
        )
        assert facts[:5] == [28, "SUCCEEDED", 9, [1] * 9, True]
        assert facts[5] == sorted(f"{word} {i}" for i in range(8) for word in ("before", "step"))
    finally:
        second.close()


def test_connecting_from_the_notebook(endpoint, store_folder, tmp_path):
    kernel = Kernel(endpoint, store_folder, tmp_path, FLYTE_JUPYTER_ENDPOINT="")
    try:
        kernel.run(SLOW)
        said = kernel.run(f"%flyte connect {endpoint.url}")
        assert said.startswith("hybrid and remote runs go to http://127.0.0.1:")
        assert endpoint.url not in said
        assert "2" in kernel.run('print(flyte.with_runcontext(mode="remote").run(step, 2).outputs()[0])')
        refused = kernel.client.execute_interactive(
            "%flyte connect http://127.0.0.1:9", timeout=60, output_hook=lambda _: None, allow_stdin=False
        )["content"]
        assert (refused["status"], "no endpoint answers" in refused["evalue"]) == ("error", True)
        assert "3" in kernel.run('print(flyte.with_runcontext(mode="remote").run(step, 3).outputs()[0])')
    finally:
        kernel.close()
