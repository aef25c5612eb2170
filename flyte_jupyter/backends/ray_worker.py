"""On a node: one worker process, from its fork to its end, and what of it is open."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flyte_jupyter.backends.forking import ForkServer
from flyte_jupyter.backends.limits import Enforced, Limits, enforced
from flyte_jupyter.backends.wire import Wire, close_files


@dataclass(slots=True, eq=False)
class Worker:
    """A worker process.

    Args:
        forks: what forked it.
        pid: its process id.
        wire: the connection.
        out: what it writes to descriptor 1.
        err: what it writes to descriptor 2.
        limit: the limits that are in force.
    """

    forks: ForkServer
    pid: int
    wire: Wire
    out: int
    err: int
    limit: Enforced

    @classmethod
    def begun(cls, forks: ForkServer, order: Mapping[str, Any]) -> "Worker":
        """Fork one, with the libraries and the limits that are asked for; may take seconds at first."""
        forks.wanted |= frozenset(order["wanted"])
        pid, sock, out, err = forks.fork(secrets.token_hex(8))
        limit = enforced(pid, Limits(order["memory"], order["cpu"]))
        return cls(forks, pid, Wire(sock), out, err, limit)

    def bury(self) -> dict[str, Any]:
        """See that nothing of it is left, and tell how it ended; may take milliseconds."""
        burial = self.forks.bury(self.pid)
        peak, hit = max(self.limit.peak(), burial.peak), self.limit.exceeded()
        self.limit.close()
        close_files([self.out, self.err])
        used = (burial.cpu, burial.read, burial.written)
        return {"status": burial.status, "peak": peak, "used": used, "out_of_memory": hit}
