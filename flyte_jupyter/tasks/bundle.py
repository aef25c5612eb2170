"""The code that travels with a run."""

from dataclasses import dataclass

from flyte_jupyter.errors import DefinitionError


@dataclass(frozen=True, slots=True)
class CodeBundle:
    """Where the code of a run's tasks is, and which version it is.

    Args:
        computed_version: the digest of the code.
        destination: the folder that it is unpacked into, where the tasks run.
        tgz: the URI of an archive of source files.
        pkl: the URI of a pickled task.
        downloaded_path: the folder that holds it on this machine, once it was fetched.
        files: the source files themselves, by path.

    Raises:
        TypeError: the version or a place is not text.
        DefinitionError: there is no code, or both an archive and a pickle.
    """

    computed_version: str
    destination: str = "."
    tgz: str | None = None
    pkl: str | None = None
    downloaded_path: str | None = None
    files: tuple[str, ...] | list[str] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.computed_version, str):
            raise TypeError(f"computed_version={self.computed_version!r} is not text")
        for name in ("destination", "tgz", "pkl", "downloaded_path"):
            value = getattr(self, name)
            if not (isinstance(value, str) or (value is None and name != "destination")):
                raise TypeError(f"{name}={value!r} is not text")
        if self.tgz is not None and self.pkl is not None:
            raise DefinitionError(f"tgz={self.tgz!r} and pkl={self.pkl!r} are given; give one of them")
        if self.tgz is None and self.pkl is None and not self.files:
            raise DefinitionError("no code: give tgz=, pkl= or files=")
        if self.files is not None:
            object.__setattr__(self, "files", _paths(self.files))


def _paths(files: object) -> tuple[str, ...]:
    if isinstance(files, tuple | list) and all(isinstance(file, str) for file in files):
        return tuple(files)
    raise TypeError(f"files={files!r} is not a list of paths")
