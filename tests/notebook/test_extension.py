"""Loading, reloading and unloading in a real kernel."""

import pytest
from kernel import Kernel
from leftovers import descendants, exists, until

TRACES = """
ip = get_ipython()
def traces():
    events = {e: [f.__module__ for f in ip.events.callbacks[e]] for e in ("pre_run_cell", "post_run_cell")}
    from flyte_jupyter.engine.setup import process
    return {
        "events": sum(m.startswith("flyte_jupyter") for ms in events.values() for m in ms),
        "magics": [n for k in ("line", "cell") for n in ip.magics_manager.magics[k] if "flyte" in n],
        "matchers": len(ip.Completer.custom_matchers),
        "transformers": len(ip.input_transformers_post) + len(ip.input_transformers_cleanup),
        "configurables": sum(type(c).__name__ == "FlyteMagics" for c in ip.configurables),
        "errors": len(ip.custom_exceptions),
        "observers": len(process.setup.observers),
        "interactive": process.setup.interactive,
        "faces": len([k for k in ip.display_formatter.mimebundle_formatter.deferred_printers]),
        "threads": sum(t.name == "flyte-blocks" for t in __import__("threading").enumerate()),
    }
"""


def test_unloading_undoes_everything(tmp_path):
    kernel = Kernel(tmp_path)
    try:
        kernel.run("import flyte_jupyter as flyte" + TRACES)
        before = kernel.run("print(traces())").stdout
        kernel.run("%load_ext flyte_jupyter")
        kernel.run("env = flyte.TaskEnvironment('e')\n@env.task\ndef f() -> int: return 1\nflyte.run(f)")
        loaded = kernel.run("print(traces())").stdout
        done = kernel.run("%unload_ext flyte_jupyter")
        after = kernel.run("import time; time.sleep(0.3); print(traces())").stdout
    finally:
        kernel.close()

    assert done.status == "ok", done.traceback
    assert loaded != before
    assert after == before


def test_reloading_adds_nothing_twice(fresh_kernel):
    fresh_kernel.run(TRACES)
    before = fresh_kernel.run("print(traces())").stdout
    for _ in range(3):
        done = fresh_kernel.run("%reload_ext flyte_jupyter")
        assert done.status == "ok", done.traceback

    assert fresh_kernel.run("print(traces())").stdout == before


def test_loading_brings_in_no_heavy_library(tmp_path):
    kernel = Kernel(tmp_path)
    try:
        kernel.run("import flyte_jupyter as flyte; env = flyte.TaskEnvironment('warm')")
        kernel.run("import sys; before = set(sys.modules)\n%load_ext flyte_jupyter")
        loaded = kernel.run("print(*(set(sys.modules) - before))").stdout.split()
    finally:
        kernel.close()

    assert "flyte_jupyter.notebook.extension" in loaded
    assert not {"pandas", "numpy", "pyarrow", "docker", "pydantic", "nbformat", "ipywidgets"} & set(loaded)


def test_a_wrong_setting_is_one_line_and_does_not_stay(fresh_kernel):
    fresh_kernel.run("%unload_ext flyte_jupyter")
    fresh_kernel.run("get_ipython().config.FlyteMagics.mode = 'moon'")
    first = fresh_kernel.run("%load_ext flyte_jupyter")
    again = fresh_kernel.run("%load_ext flyte_jupyter")

    assert first.status == "error"
    assert "moon" in first.stderr
    assert "Traceback" not in first.stderr + first.traceback
    assert again.status == "ok"


def test_settings_are_defaults_of_the_line(fresh_kernel):
    fresh_kernel.run('%config FlyteMagics.cpu = "3"\n%config FlyteMagics.env = "ml"')
    shown = fresh_kernel.run("%%flyte_task\ndef f() -> int:\n    return 1").displays[0]["text/plain"]

    assert "ml.f" in shown
    assert "CPU 3" in shown


def in_project(tmp_path, text, **environment):
    (tmp_path / "pyproject.toml").write_text(text)
    return Kernel(tmp_path, **environment)


def test_a_project_sets_defaults_of_the_line_and_the_mode_of_runs(tmp_path):
    kernel = in_project(
        tmp_path,
        "[tool.flyte_jupyter]\ncpu = 1\nenv = 'ml'\nmode = 'hybrid'\nshow_after = 0.5\nretries = 1\n",
        FLYTE_JUPYTER_RETRIES="2",
    ).load()
    try:
        shown = kernel.run("%%flyte_task\ndef f() -> int:\n    return 1").displays[0]["text/plain"]
        ran = kernel.run("flyte.run(f).state.mode")
        after = kernel.run("get_ipython().run_line_magic('config', 'FlyteMagics.show_after')")
        facts = kernel.run("%flyte env").displays[0]["text/plain"]
        kernel.run("%config FlyteMagics.mode = 'local'")
        here = kernel.run("flyte.run(f).state.mode")
    finally:
        kernel.close()

    assert "ml.f" in shown
    assert "CPU 1" in shown
    assert "retries 2" in shown
    assert ran.value == "'hybrid'"
    assert after.value == "0.5"
    assert "hybrid" in facts
    assert here.value == "'local'"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tool.flyte_jupyter]\nretreis = 3\n", ("'retreis'", "accepted are home, mode", "retries")),
        ("[tool.flyte_jupyter]\ncache = 'on'\n", ("'on'", "auto, override, disable", "pyproject.toml")),
        ("[tool.flyte_jupyter]\nisolation = 'jar'\n", ("'jar'", "auto, thread, process", "pyproject.toml")),
    ],
)
def test_a_wrong_setting_of_a_project_is_one_line(tmp_path, text, words):
    kernel = in_project(tmp_path, text)
    try:
        done = kernel.run("%load_ext flyte_jupyter")
    finally:
        kernel.close()

    assert done.status == "error"
    assert "Traceback" not in done.stderr + done.traceback
    assert all(word in done.stderr for word in words), done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_kernel_without_the_extension_is_left_alone(tmp_path):
    kernel = Kernel(tmp_path)
    try:
        names = kernel.run("import flyte_jupyter, sys; print('IPython.core.magic' in sys.modules)")
        magic = kernel.run("%flyte runs")
    finally:
        kernel.close()

    assert names.status == "ok"
    assert magic.status == "error"


def test_nothing_is_left_of_a_kernel_that_is_shut_down(fresh_kernel):
    fresh_kernel.run(
        "import time\nenv = flyte.TaskEnvironment('left', reusable=flyte.ReusePolicy(replicas=2))\n"
        "@env.task\ndef ones(n: int) -> list[int]: return [1] * n\n"
        "flyte.run(ones, 1_000_000)"
    )
    fresh_kernel.run(
        "%%flyte_task --run --background --isolation process\ndef waits() -> int:\n"
        "    time.sleep(60)\n    return 1"
    )
    processes = {fresh_kernel.pid, *descendants(fresh_kernel.pid)}
    fresh_kernel.shut_down()

    assert len(processes) > 2
    assert until(lambda: not any(map(exists, processes)))
