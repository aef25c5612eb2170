"""Links that allow one file to be written or read for a while, signed by the endpoint's secret.

They do not have the secret in them: who is given one can do no more than that.
"""

import hashlib
import hmac
import time
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode

from flyte_jupyter.endpoint.folders import Folders
from flyte_jupyter.errors import DefinitionError

PUT, GET = "PUT", "GET"


class Links:
    """Makes links, and opens them.

    Args:
        folders: below whose data the files are.
        secret: signs.
    """

    def __init__(self, folders: Folders, secret: str) -> None:
        self._folders = folders
        self._key = secret.encode()
        self.origin = ""

    def make(self, method: str, path: Path, seconds: float) -> tuple[str, float]:
        """Make a link to a file below the endpoint's data, and tell when it ends."""
        name = str(path.relative_to(self._folders.data))
        until = int(time.time() + seconds)
        query = urlencode({"until": until, "sign": self._sign(method, name, until)})
        return f"{self.origin}/files/{quote(name)}?{query}", float(until)

    def open(self, method: str, name: str, query: str) -> Path:
        """Give the file that a link names.

        Raises:
            DefinitionError: it was not made here, is not for this method, or has ended.
        """
        found = parse_qs(query)
        sign, until = found.get("sign", [""])[0], found.get("until", ["0"])[0]
        number = int(until) if until.isdecimal() else 0
        if not hmac.compare_digest(sign, self._sign(method, name, number)):
            raise DefinitionError("this link is not one of this endpoint's")
        if number < time.time():
            raise DefinitionError("this link has ended; ask for another one")
        return self._folders.inside(str(self._folders.data / name))

    def _sign(self, method: str, name: str, until: int) -> str:
        text = "\n".join((method, name, str(until))).encode()
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()
