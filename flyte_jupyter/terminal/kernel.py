"""A kernel for one notebook: started, told which cell it runs, interrupted, ended."""

import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

from jupyter_client.kernelspec import NATIVE_KERNEL_NAME, KernelSpec, KernelSpecManager, NoSuchKernel
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.session import Session
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

from flyte_jupyter.errors import Error

_START = 120  # seconds for a kernel to answer on a busy machine
_TAIL = 2_000  # characters of what a dead kernel wrote last
_LOG = "[IPKernelApp]"  # begins its log lines


class Kernel:
    """The kernel of a notebook. What its process writes past its cells is kept aside.

    Args:
        notebook: the notebook.
        folder: the kernel's working directory.
        variables: environment variables on top of this process's.
    """

    def __init__(self, notebook: Any, folder: Path, variables: dict[str, str]) -> None:
        name = notebook.metadata.get("kernelspec", {}).get("name") or NATIVE_KERNEL_NAME
        specs = _Specs()
        self._manager = AsyncKernelManager(kernel_name=name, kernel_spec_manager=specs, session=_Session())
        self._client = NotebookClient(
            notebook, km=self._manager, startup_timeout=_START, record_timing=True, coalesce_streams=True
        )
        self._folder = folder
        self._variables = os.environ | variables
        self._aside: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the kernel

    @property
    def pid(self) -> int:
        """The number of its process."""
        return int(getattr(self._manager.provisioner, "pid", None) or 0)

    async def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            Error: there is no such kernel, or it does not start.
        """
        try:
            await self._client.async_start_new_kernel(
                cwd=str(self._folder), env=self._variables, stdout=self._aside, stderr=self._aside
            )
            await self._client.async_start_new_kernel_client()
        except NoSuchKernel as error:
            known = ", ".join(self._manager.kernel_spec_manager.find_kernel_specs())
            raise Error(f"the notebook's kernel {error.name!r} is not installed; there are {known}") from None
        except RuntimeError as error:
            raise Error(f"the kernel did not start: {error}{self._last_words()}") from None

    async def run(self, cell: Any, index: int, count: int) -> None:
        """Run a cell to its end; its outputs are in the cell.

        Raises:
            CellExecutionError: it raised.
            Error: the kernel died.
        """
        if self._client.kc is not None:
            self._client.kc.session.cell = cell.get("id", "")
        try:
            await self._client.async_execute_cell(cell, index, execution_count=count)
        except DeadKernelError:
            raise Error(f"the kernel died{await self._how()}{self._last_words()}") from None

    async def interrupt(self) -> None:
        """Interrupt what it runs."""
        await self._manager.interrupt_kernel()

    async def close(self, *, now: bool = False) -> None:
        """End it, letting it finish its records unless it has to be ``now``."""
        self._client.set_widgets_metadata()
        if self._client.kc is not None:
            self._client.kc.stop_channels()
        if self._manager.has_kernel:
            await self._manager.shutdown_kernel(now=now)
        self._aside.close()

    async def _how(self) -> str:
        """Tell how its process ended, as far as that is known."""
        status = await self._manager.provisioner.poll() if self._manager.provisioner else None
        if not status:
            return ""
        return f" with exit status {status}" if status > 0 else f" of {signal.Signals(-status).name}"

    def _last_words(self) -> str:
        self._aside.flush()
        size = self._aside.seek(0, os.SEEK_END)
        self._aside.seek(max(0, size - _TAIL))
        lines = self._aside.read().decode("utf-8", "replace").splitlines()
        told = " ".join(line.strip() for line in lines if not line.startswith(_LOG))
        return f": {told}" if told else ""


class _Session(Session):
    """Tells the kernel the id of the cell, as JupyterLab does."""

    cell = ""

    def msg(self, msg_type: str, content: Any = None, *args: Any, **kwargs: Any) -> dict[str, Any]:
        made: dict[str, Any] = super().msg(msg_type, content, *args, **kwargs)
        if msg_type == "execute_request" and self.cell:
            made["metadata"]["cellId"] = self.cell
        return made


class _Specs(KernelSpecManager):
    """Kernels, of which ``python3`` is this very interpreter: it has the packages, whatever else is about."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        if kernel_name != NATIVE_KERNEL_NAME:
            return super().get_kernel_spec(kernel_name)
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=command, display_name="Python 3", language="python")
