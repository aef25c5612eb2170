"""Who has not the URL gets nothing; nothing outside of the store is read or written; nonsense is refused."""

import http.client
import json
import os
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import psutil
import pytest
import serving
from serving import Served, call, until

serving.need_extra()

import flyte
import flyte.errors
import workflows

from flyte_jupyter.endpoint.starting import ensure

pytestmark = pytest.mark.usefixtures("connected")

RUN = {"org": "local", "project": "flytesnacks", "domain": "development", "name": "r1"}
UPLOAD = {
    "project": "flytesnacks",
    "domain": "development",
    "filename": "a.txt",
    "expiresIn": "60s",
    "contentMd5": "mgNky13AZJuC+iuE/5D9nQ==",
}


def fetch(url, data=None, method="GET"):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, method=method), timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_without_the_secret_nothing_is_told(served):
    base, _, secret = served.url.rpartition("/")
    for wrong in (
        "",
        "/",
        "/wrong",
        f"/{secret[:-1]}",
        f"/{secret}x",
        "/flyteidl2.workflow.RunService/ListRuns",
    ):
        assert fetch(base + wrong)[0] == 403
    assert fetch(served.url)[0] == 200


def test_the_official_client_is_told_that_it_may_not(served):
    base = served.url.rpartition("/")[0]
    serving.connect(f"{base}/wrong")
    try:
        with pytest.raises(flyte.errors.RuntimeSystemError, match=r"(?i)permission"):
            serving.submit(workflows.add, x=1)
    finally:
        serving.connect(served.url)


def test_it_listens_on_the_loopback_only(served):
    places = [
        c.laddr.ip for c in psutil.Process(served.process.pid).net_connections() if c.status == "LISTEN"
    ]
    assert places == ["127.0.0.1"]


def test_its_files_are_the_owners(served):
    for path in (served.store / "endpoint.json", served.folder / "secret"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (served.folder, served.folder / "data", served.folder / "attempts"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_secret_is_not_in_the_command_line_of_any_process(served):
    secret = served.url.rpartition("/")[2]
    processes = [psutil.Process(served.process.pid), *served.workers()]
    assert not [p for p in processes if secret in " ".join(p.cmdline())]


def test_an_upload_goes_where_its_link_says_and_nowhere_else(served):
    made = call(served.url, "dataproxy.DataProxyService/CreateUploadLocation", UPLOAD)
    url = made["signedUrl"]
    assert served.url.rpartition("/")[2] not in url  # who is given a link is not given the endpoint
    assert fetch(url, b"content", "PUT")[0] == 200
    assert Path(made["nativeUrl"]).read_bytes() == b"content"
    assert fetch(url)[0] == 403  # it is for writing
    assert fetch(url.replace("a.txt", "b.txt"), b"x", "PUT")[0] == 403
    assert fetch(url.replace("until=", "until=9"), b"x", "PUT")[0] == 403
    assert fetch(url.partition("?")[0], b"x", "PUT")[0] == 403


@pytest.mark.parametrize(
    "name", ["../../x", "/etc/passwd", "a/../../../../x", "..", "../../../endpoint.json"]
)
def test_no_upload_leaves_the_store(served, name, tmp_path):
    for field in ("filename", "filenameRoot"):
        refused = call(
            served.url, "dataproxy.DataProxyService/CreateUploadLocation", UPLOAD | {field: name}, status=400
        )
        assert refused["code"] == "invalid_argument"


def test_a_damaged_upload_is_refused(served):
    made = call(served.url, "dataproxy.DataProxyService/CreateUploadLocation", UPLOAD)
    where = urllib.parse.urlsplit(made["signedUrl"])
    connection = http.client.HTTPConnection(where.netloc)
    connection.request(
        "PUT", f"{where.path}?{where.query}", b"content", {"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}
    )
    assert connection.getresponse().status == 400
    assert not Path(made["nativeUrl"]).exists()


def test_no_action_reads_or_writes_outside_of_the_store(served, tmp_path):
    action = {
        "actionId": {"run": RUN, "name": "a1"}, "parentActionName": "a0", "inputUri": "/etc/passwd",
        "runOutputBase": str(tmp_path), "task": {"spec": {"taskTemplate": {"id": {"name": "x"}}}},
    }  # fmt: skip
    refused = call(served.url, "actions.ActionsService/Enqueue", {"action": action}, status=400)
    assert "is not below" in json.dumps(refused)
    elsewhere = {
        "projectId": {"organization": "local", "domain": "development", "name": "flytesnacks"},
        "taskSpec": {"taskTemplate": {"id": {"name": "x"}}}, "inputs": {}, "baseDir": str(tmp_path),
    }  # fmt: skip
    refused = call(served.url, "dataproxy.DataProxyService/UploadInputs", elsewhere, status=400)
    assert "is not below" in refused["message"]
    assert list(tmp_path.iterdir()) == []


def test_what_breaks_a_rule_of_the_protocol_is_refused_by_the_rule(served):
    long = {"runId": RUN | {"name": "x" * 31}}
    refused = call(served.url, "workflow.RunService/GetRunDetails", long, status=400)
    assert refused["code"] == "invalid_argument"
    assert "run_id.name" in refused["message"]


def test_what_is_not_there_is_said_to_be_missing(served):
    missing = call(served.url, "workflow.RunService/GetRunDetails", {"runId": RUN}, status=404)
    assert (missing["code"], missing["message"]) == ("not_found", "this endpoint has no run 'r1'")
    assert call(served.url, "trigger.TriggerService/ListTriggers", {}, status=501)["code"] == "unimplemented"


def test_a_stalled_client_does_not_keep_others_from_being_served(served):
    where = urllib.parse.urlsplit(served.url)
    stalled = [socket.create_connection((where.hostname, where.port)) for _ in range(20)]
    for one in stalled:
        one.sendall(f"POST {where.path}/flyteidl2.workflow.RunService/GetRunDetails HTTP/1.1\r\n".encode())
    assert fetch(served.url)[0] == 200
    for one in stalled:
        one.close()


def test_a_second_serve_says_that_one_serves_already(served):
    command = [sys.executable, "-m", "flyte_jupyter.cli", "serve", "--store", str(served.store)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == f"process {served.process.pid} serves {served.store} already: {served.url}\n"


def test_it_is_started_once_by_who_needs_it_and_stays(tmp_path):
    found = ensure(tmp_path / "store")
    process = psutil.Process(found.pid)
    try:
        assert ensure(tmp_path / "store") == found
        assert fetch(found.url)[0] == 200
        assert os.getsid(found.pid) != os.getsid(0)
    finally:
        process.send_signal(2)
        process.wait(20)
    assert not (tmp_path / "store" / "endpoint.json").exists()


def test_a_port_that_is_taken_is_named(served, tmp_path):
    port = urllib.parse.urlsplit(served.url).port
    command = [
        sys.executable,
        "-m",
        "flyte_jupyter.cli",
        "serve",
        "--store",
        str(tmp_path / "s"),
        "--port",
        str(port),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert f"port {port} cannot be had" in done.stderr
    assert "Traceback" not in done.stderr


def test_watchers_that_go_away_leave_nothing_behind(tmp_path):
    own = Served(tmp_path / "store").start()
    try:
        serving.connect(own.url)
        found = serving.submit(workflows.asks, name="never")
        where = urllib.parse.urlsplit(own.url)
        body = json.dumps({"parentActionId": {"run": RUN | {"name": found.name}, "name": "a0"}}).encode()
        framed = b"\0" + len(body).to_bytes(4, "big") + body
        for _ in range(5):
            connection = http.client.HTTPConnection(where.netloc)
            path = f"{where.path}/flyteidl2.actions.ActionsService/WatchForUpdates"
            connection.request("POST", path, framed, {"Content-Type": "application/connect+json"})
            assert connection.getresponse().read(1)
            connection.close()
        process = psutil.Process(own.process.pid)
        until(lambda: len([c for c in process.net_connections() if c.status == "ESTABLISHED"]) <= 6)
    finally:
        own.stop()  # at once, although a client's condition still waits


def test_a_report_is_shown_in_a_sandbox_and_tells_nobody_where_it_is(served):
    found = serving.run(workflows.reports, words="boxed in")
    wanted = {
        "artifactType": "ARTIFACT_TYPE_REPORT",
        "actionAttemptId": {"actionId": {"run": RUN | {"name": found.name}, "name": "a0"}, "attempt": 1},
    }
    made = call(served.url, "dataproxy.DataProxyService/CreateDownloadLink", wanted)
    with urllib.request.urlopen(made["preSignedUrls"]["signedUrl"][0], timeout=20) as answer:
        assert b"boxed in" in answer.read()
        assert answer.headers["Content-Security-Policy"] == "sandbox allow-scripts"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
    wanted["actionAttemptId"]["attempt"] = 2
    missing = call(served.url, "dataproxy.DataProxyService/CreateDownloadLink", wanted, status=404)
    assert missing["code"] == "not_found"
