"""How an endpoint is started: with other workers, from Jupyter Server, for as long as it is needed."""

import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
import serving
from serving import Served, run, submit, until, value

serving.need_extra()

import flyte.remote
import workflows

from flyte_jupyter.endpoint.found import find
from flyte_jupyter.endpoint.starting import ensure

sys.path.append(str(Path(__file__).parents[1] / "lab"))


pytestmark = pytest.mark.usefixtures("connected")


def test_cold_workers_do_the_same(tmp_path):
    own = Served(tmp_path / "store", "--workers", "cold").start()
    try:
        serving.connect(own.url)
        assert value(run(workflows.total, n=2)) == 3
        sleeping = submit(workflows.sleeps, folder=str(tmp_path), seconds=600.0)
        pids = until(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text().split())
        worker, inner = (psutil.Process(int(pid)) for pid in pids[:2])
        sleeping.abort()
        sleeping.wait(quiet=True)
        until(lambda: not [p for p in (worker, inner) if p.is_running() and p.status() != "zombie"])
        psutil.Process(int(pids[2])).kill()  # in a session of its own, and no subreaper
    finally:
        own.stop()


def test_a_task_waits_for_a_slot_no_longer_than_it_says(tmp_path):
    own = Served(tmp_path / "store", slots=1).start()
    try:
        serving.connect(own.url)
        first = submit(workflows.sleeps, folder=str(tmp_path), seconds=600.0)
        until((tmp_path / "pids").exists)
        found = run(workflows.impatient)
        assert str(found.phase) == "ActionPhase.TIMED_OUT"
        assert "waited longer" in found.details().action_details.error_info.message
        first.abort()
        first.wait(quiet=True)
    finally:
        own.stop()


def test_it_ends_when_there_is_nothing_to_do(tmp_path):
    own = Served(tmp_path / "store", "--idle", "1s").start()
    assert own.process.wait(30) == 0
    own.process.stdout.close()
    assert find(own.store) is None


def test_jupyter_server_starts_it_and_its_runs_outlive_the_server(tmp_path, monkeypatch):
    from served import Server

    (tmp_path / "root").mkdir()
    home = tmp_path / "home"
    server = Server(tmp_path / "root", home)
    try:
        nothing = {"serving": False, "pid": None, "started": None}
        assert server.get("endpoint").json == nothing
        assert server.get("endpoint", token=None).status == 403
        assert server.ask("POST", "endpoint", token=None).status == 403
        begun = server.ask("POST", "endpoint").json
        assert begun["serving"]
        assert server.ask("POST", "endpoint").json["pid"] == begun["pid"]
        assert find(home).url not in server.get("endpoint").body
        serving.connect(find(home).url)
        found = submit(workflows.asks, name="later")
    finally:
        server.close()
    (condition,) = until(lambda: list(_conditions(found)))
    condition.signal(True)
    found.wait(quiet=True)
    assert value(found) == "yes"
    process = psutil.Process(begun["pid"])
    process.send_signal(2)
    process.wait(20)


def _conditions(found):
    import flyte.remote

    return flyte.remote.Condition.listall(run_name=found.name)


def test_an_interpreter_without_the_sdk_is_told_with_what_to_do(tmp_path):
    bare = Path(sys.base_prefix) / "bin" / "python3"
    own = Served(tmp_path / "store", "--python", str(bare)).start()
    try:
        serving.connect(own.url)
        found = run(workflows.add, x=1)
        assert (
            f"{bare} -m pip install 'flyte>=2.5.20,<3'" in found.details().action_details.error_info.message
        )
    finally:
        own.stop()
    assert "Traceback" not in own.log.read_text()


def test_old_runs_are_forgotten_as_the_settings_say(tmp_path):
    own = Served(tmp_path / "store", environment={"FLYTE_JUPYTER_KEEP_RUNS": "1"}).start()
    try:
        serving.connect(own.url)
        first, second = (run(workflows.add, x=x) for x in range(2))
        own.stop()
        own.start()
        assert [r.name for r in flyte.remote.Run.listall()] == [second.name]
        assert value(flyte.remote.Run.get(second.name)) == 2
        left = {p.name for p in (own.folder / "data" / "runs").iterdir()}
        assert left == {second.name}
        assert not (own.folder / "attempts" / first.name).exists()
    finally:
        own.stop()


def test_it_ends_in_good_order_when_terminated_amid_a_run(tmp_path):
    own = Served(tmp_path / "store").start()
    serving.connect(own.url)
    found = submit(workflows.sleeps, folder=str(tmp_path), seconds=600.0)
    pids = until(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text().split())
    own.process.terminate()
    assert own.process.wait(20) == 0
    own.process.stdout.close()
    assert find(own.store) is None
    assert not (own.store / "endpoint.json").exists()
    assert not [
        pid for pid in pids if psutil.pid_exists(int(pid)) and psutil.Process(int(pid)).status() != "zombie"
    ]
    assert own.log.read_text() == ""
    own.start()
    (tmp_path / "pids").unlink()
    until((tmp_path / "pids").exists, what="the next attempt of the endpoint")
    assert flyte.remote.Run.get(found.name).details().action_details.attempts == 1
    found.abort()
    found.wait(quiet=True)
    own.stop()


def test_two_who_start_it_at_once_find_the_same(tmp_path):
    begun = [threading.Thread(target=lambda: found.append(ensure(tmp_path / "store"))) for _ in range(3)]
    found = []
    for one in begun:
        one.start()
    for one in begun:
        one.join(60)
    assert len(found) == 3
    assert len(set(found)) == 1
    process = psutil.Process(found[0].pid)
    process.terminate()
    process.wait(20)


def test_without_the_extra_it_says_what_to_install(tmp_path):
    code = (
        "import sys; sys.modules['uvicorn'] = None; from flyte_jupyter.cli import main; "
        f"sys.exit(main(['serve', '--store', {str(tmp_path)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'flyte-jupyter[endpoint]'" in done.stderr
    assert "Traceback" not in done.stderr
