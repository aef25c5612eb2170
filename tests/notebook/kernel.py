"""Drives a real kernel as a front end does: cells in, messages out."""

import os
import re
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager

import flyte_jupyter
from flyte_jupyter.runs.store import RunStore

_ROOT = Path(flyte_jupyter.__file__).parents[1]
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Outputs:
    """What one cell showed, as far as it has arrived."""

    cell: str
    messages: list[dict[str, Any]] = field(default_factory=list)
    reply: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [m["content"] for m in self.messages if m["msg_type"] in kinds]

    @property
    def idle(self) -> bool:
        return any(c["execution_state"] == "idle" for c in self.of("status"))

    @property
    def status(self) -> str:
        return self.reply.get("status", "")

    @property
    def stdout(self) -> str:
        return "".join(c["text"] for c in self.of("stream") if c["name"] == "stdout")

    @property
    def stderr(self) -> str:
        return "".join(c["text"] for c in self.of("stream") if c["name"] == "stderr")

    @property
    def result(self) -> dict[str, Any]:
        found = self.of("execute_result")
        return found[-1]["data"] if found else {}

    @property
    def value(self) -> str:
        return self.result.get("text/plain", "")

    @property
    def displays(self) -> list[dict[str, Any]]:
        return [c["data"] for c in self.of("display_data")]

    @property
    def updates(self) -> list[dict[str, Any]]:
        return [c["data"] for c in self.of("update_display_data")]

    @property
    def error(self) -> str:
        """The name and text of the error that ended the cell."""
        found = self.of("error")
        return f"{found[0]['ename']}: {found[0]['evalue']}" if found else ""

    @property
    def traceback(self) -> str:
        found = self.of("error")
        return _ANSI.sub("", "\n".join(found[0]["traceback"])) if found else ""

    def bytes(self) -> int:
        return sum(len(str(m["content"])) for m in self.messages)


class Kernel:
    """A kernel in a process of its own, with a store of its own."""

    def __init__(self, folder: Path, home: Path | None = None, **environment: str) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "FLYTE_JUPYTER_HOME": str(home or folder / "home"),
            "IPYTHONDIR": str(folder / "ipython"),
            "PYTHONPATH": str(_ROOT),
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            **environment,
        }
        self._outputs: dict[str, Outputs] = {}
        self._opened: RunStore | None = None
        self._start()

    def _start(self) -> None:
        self._manager = KernelManager()
        self._manager.kernel_spec.argv[0] = sys.executable
        self._manager.start_kernel(env=self.environment, cwd=str(self.folder))
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)

    def load(self) -> "Kernel":
        done = self.run("import flyte_jupyter as flyte\n%load_ext flyte_jupyter")
        assert done.status == "ok", done.traceback or done.stderr
        return self

    def start(self, code: str, cell: str = "", stdin: bool = False, **meta: Any) -> Outputs:
        """Send a cell without waiting for it."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": stdin,
            "stop_on_error": True,
        }
        session = self._client.session
        metadata = {**meta, **({"cellId": cell} if cell else {})}
        message = session.msg("execute_request", content, metadata=metadata)
        outputs = self._outputs[message["header"]["msg_id"]] = Outputs(cell)
        outputs.reply = {"msg_id": message["header"]["msg_id"]}
        self._client.shell_channel.send(message)
        return outputs

    def asked(self, code: str, answer: str, timeout: float = 30) -> tuple[Outputs, dict[str, Any]]:
        """Run a cell that asks for one thing; also give the question as the front end gets it."""
        outputs = self.start(code, stdin=True)
        question = self._client.get_stdin_msg(timeout=timeout)["content"]
        self._client.input(answer)
        return self.finish(outputs, timeout), question

    def run(self, code: str, cell: str = "", timeout: float = 60, **meta: Any) -> Outputs:
        """Run a cell to its end."""
        began = time.monotonic()
        outputs = self.start(code, cell, **meta)
        self.finish(outputs, timeout)
        outputs.seconds = time.monotonic() - began
        return outputs

    def finish(self, outputs: Outputs, timeout: float = 60) -> Outputs:
        """Wait for a cell that was started."""
        self.until(lambda: outputs.idle, timeout)
        wanted = outputs.reply["msg_id"]
        while outputs.status == "":
            reply = self._client.get_shell_msg(timeout=timeout)
            if reply["parent_header"].get("msg_id") == wanted:
                outputs.reply = {"msg_id": wanted, **reply["content"]}
        return outputs

    def until(self, found: Any, timeout: float = 60) -> None:
        """Take messages in until something is so."""
        end = time.monotonic() + timeout
        while not found():
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"not so within {timeout} s")
            self._take(min(left, 1.0))

    def settle(self, seconds: float) -> None:
        """Take in what arrives during a time, for what must not arrive."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._take(left)

    def interrupt(self) -> None:
        self._manager.interrupt_kernel()

    def open_comm(self, target: str, data: dict[str, Any]) -> None:
        """Open a comm on a subshell, as JupyterLab does: the kernel takes it while a cell runs."""
        session, control = self._client.session, self._client.control_channel
        control.send(session.msg("create_subshell_request"))
        subshell = self._client.get_control_msg(timeout=20)["content"]["subshell_id"]
        content = {"comm_id": subshell, "target_name": target, "data": data}
        message = session.msg("comm_open", content)
        message["header"]["subshell_id"] = subshell
        self._client.shell_channel.send(message)

    def interrupted(self, code: str, after: str = "started", timeout: float = 30) -> Outputs:
        """Run a cell, interrupt it once it has printed a word, and time how long it takes to end."""
        outputs = self.start(code)
        self.until(lambda: after in outputs.stdout or outputs.idle, timeout)
        assert not outputs.idle, outputs.traceback or outputs.stderr
        began = time.monotonic()
        self.interrupt()
        self.finish(outputs, timeout)
        outputs.seconds = time.monotonic() - began
        return outputs

    def complete(self, code: str, at: int | None = None) -> list[str]:
        """Give the completions at the cursor, by default at the end."""
        at = len(code) if at is None else at
        return self._client.complete(code, at, reply=True, timeout=20)["content"]["matches"]

    def completed(self, code: str, at: int | None = None) -> list[str]:
        """Give the whole texts that the completions make of the text before the cursor."""
        at = len(code) if at is None else at
        content = self._client.complete(code, at, reply=True, timeout=20)["content"]
        return [code[: content["cursor_start"]] + match for match in content["matches"]]

    def help(self, code: str) -> str:
        content = self._client.inspect(code, reply=True, timeout=20)["content"]
        return _ANSI.sub("", content["data"].get("text/plain", ""))

    def runs(self) -> list[Any]:
        """List the runs in its store, the newest first."""
        return self._store().runs()

    def state(self, run: str) -> Any:
        """Give a run's state as its store has it."""
        return self._store().state(run)

    def _store(self) -> Any:
        home = Path(self.environment["FLYTE_JUPYTER_HOME"])
        if self._opened is None:
            self._opened = RunStore.open(home)
        return self._opened

    def restart(self) -> "Kernel":
        """Go on with a new kernel over the same folder and store."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._outputs.clear()
        self._start()
        return self

    def shut_down(self) -> None:
        """Ask it to end, as a front end does, and wait for that."""
        self._manager.shutdown_kernel(now=False)

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._manager.provisioner.pid

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def _take(self, timeout: float) -> None:
        try:
            message = self._client.get_iopub_msg(timeout=max(0.001, timeout))
        except Exception as error:
            if type(error).__name__ != "Empty":
                raise
            return
        outputs = self._outputs.get(message["parent_header"].get("msg_id", ""))
        if outputs is not None:
            outputs.messages.append(message)
