"""A cluster that is started beside the kernel: later kernels find it, and it ends when nobody uses it."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import rays
from leftovers import until

from flyte_jupyter.backends.ray_head import began_at

NOTEBOOK = textwrap.dedent(
    """
    import os, sys, time
    from pathlib import Path

    import flyte_jupyter as flyte
    from flyte_jupyter.backends.ray import RayBackend

    env = flyte.TaskEnvironment(name="embedded")

    @env.task
    def agent() -> str:
        parent = Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[1]
        return f"{parent} {os.environ.get('A_SECRET', 'none')}"

    begin = time.monotonic()
    flyte.init(backend=RayBackend(idle=5))
    handle = flyte.with_runcontext(mode="remote").run(agent)
    handle.wait()
    print(handle.outputs()[0], time.monotonic() - begin, flush=True)
    sys.stdin.readline()
    """
)


def kernel(script):
    command = [sys.executable, str(script)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def processes(word):
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found += [entry.name] if word in (entry / "cmdline").read_bytes() else []
            except OSError:
                continue
    return found


def test_it_is_started_once_found_again_and_ends(tmp_path, store_folder, monkeypatch):
    rays.needed()
    monkeypatch.setenv("A_SECRET", "of the kernel")
    script = tmp_path / "notebook.py"
    script.write_text(NOTEBOOK)
    first = kernel(script)
    agent, secret, _ = first.stdout.readline().split()
    second = kernel(script)
    again, _, seconds = second.stdout.readline().split()

    assert again == agent
    assert secret == "none", "the cluster outlives the kernel, and does not have its variables"
    assert float(seconds) < 5, "no cluster was started, and Ray was not even loaded"
    for one in (first, second):
        out, err = one.communicate("end\n", timeout=30)
        assert (one.returncode, out, err) == (0, "", "")
    (record,) = (store_folder / "ray").glob("*.json")
    found = json.loads(record.read_text())
    assert record.stat().st_mode & 0o077 == 0
    words = Path(f"/proc/{found['head']}/cmdline").read_bytes().split(b"\0")
    folder = words[words.index(b"--temp-dir") + 1]
    assert processes(folder)
    assert until(lambda: not began_at(found["head"]), 60), "nobody uses it"
    assert until(lambda: not processes(folder), 30)
