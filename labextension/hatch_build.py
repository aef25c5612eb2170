"""Builds the Lab extension into the package, where npm is at hand; without it, the package does without.

``FLYTE_JUPYTER_LABEXTENSION`` set to ``required`` makes a build without the extension fail; ``skip`` leaves
it as it is.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHARE = "share/jupyter/labextensions/flyte-jupyter"
_NOT_SOURCES = {"node_modules", "lib", "__pycache__", "__tests__", "screenshots"}


class FrontEnd(BuildHookInterface):
    """Runs before a wheel, an editable install or an sdist is made."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build what is not up to date, and have the wheel carry it."""
        root = Path(self.root)
        sources, built = root / "labextension", root / "flyte_jupyter" / "labextension"
        wish = os.environ.get("FLYTE_JUPYTER_LABEXTENSION", "")
        if wish != "skip" and not _is_fresh(sources, built):
            script = "build" if version == "editable" else "build:prod"
            self._build(sources, built, script, required=wish == "required")
        if self.target_name == "wheel" and (built / "package.json").is_file():
            build_data["shared_data"][str(built)] = SHARE
            build_data["shared_data"][str(sources / "install.json")] = f"{SHARE}/install.json"

    def _build(self, sources: Path, built: Path, script: str, *, required: bool) -> None:
        npm = shutil.which("npm")
        try:
            if npm is None:
                raise FileNotFoundError("npm was not found: install Node.js 20 or newer")
            _install(npm, sources)
            shutil.rmtree(built, ignore_errors=True)
            _run([npm, "run", script], sources)
            (built / "build_log.json").unlink(missing_ok=True)  # it names folders of this machine
            _stamp(built).write_text(_digest(sources))
        except (OSError, subprocess.CalledProcessError) as error:
            if required:
                raise
            self.app.display_warning(f"The JupyterLab extension was not built: {error}")


def _is_fresh(sources: Path, built: Path) -> bool:
    """Whether the build is of these sources."""
    return _stamp(built).is_file() and _stamp(built).read_text() == _digest(sources)


def _stamp(built: Path) -> Path:
    return built / "sources.txt"


def _digest(sources: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(sources.rglob("*")):
        place = path.relative_to(sources)
        if path.is_file() and not _NOT_SOURCES.intersection(place.parts):
            found.update(f"{place.as_posix()}\0".encode())
            found.update(path.read_bytes())
    return found.hexdigest()


def _install(npm: str, sources: Path) -> None:
    """Install what the lock file names, unless it is there."""
    lock = hashlib.sha256((sources / "package-lock.json").read_bytes()).hexdigest()
    mark = sources / "node_modules" / ".installed"
    if not mark.is_file() or mark.read_text() != lock:
        _run([npm, "ci", "--no-audit", "--no-fund"], sources)
        mark.write_text(lock)


def _run(command: list[str], folder: Path) -> None:
    """Run a program; what it says is shown only if it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - npm
    if done.returncode:
        sys.stderr.write(done.stdout[-4000:] + done.stderr[-4000:])
        raise subprocess.CalledProcessError(done.returncode, command)
