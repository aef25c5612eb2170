"""Loading, reloading and unloading in a real kernel."""

from kernel import Kernel

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


def test_loading_takes_less_than_a_tenth_of_a_second(tmp_path):
    kernel = Kernel(tmp_path)
    try:
        code = "import time; b = time.process_time()\n%load_ext flyte_jupyter\nprint(time.process_time() - b)"
        kernel.run("import flyte_jupyter as flyte; env = flyte.TaskEnvironment('warm')")
        seconds = float(kernel.run(code).stdout)
    finally:
        kernel.close()

    assert seconds < 0.1


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


def test_a_kernel_without_the_extension_is_left_alone(tmp_path):
    kernel = Kernel(tmp_path)
    try:
        names = kernel.run("import flyte_jupyter, sys; print('IPython.core.magic' in sys.modules)")
        magic = kernel.run("%flyte runs")
    finally:
        kernel.close()

    assert names.status == "ok"
    assert magic.status == "error"
