"""``%%flyte_task`` over functions, written as environments and decorators."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from IPython.core.error import UsageError

from flyte_jupyter.notebook import options
from flyte_jupyter.notebook.options import Line
from flyte_jupyter.notebook.sources import TASK_MAGIC, CodeCell

_PACKAGE = "flyte_jupyter"
_DEFAULT = "notebook"
_AMOUNTS = ("cpu", "memory", "gpu", "disk", "shm")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(slots=True)
class Environments:
    """The environments of a notebook, by name and by variable, and the package's name in it.

    Args:
        alias: the name that the notebook has for the package; empty if it does not import it.
        by_name: the variables that hold environments, by the environments' names.
        made: the statements that define further environments, by variable.
    """

    alias: str = ""
    by_name: dict[str, str] = field(default_factory=dict)
    made: dict[str, ast.stmt] = field(default_factory=dict)

    @classmethod
    def of(cls, cells: Iterable[CodeCell]) -> "Environments":
        """Find them in the text."""
        found = cls()
        for cell in cells:
            for node in cell.statements:
                if isinstance(node, ast.Import):
                    names = (a.asname or a.name for a in node.names if a.name == _PACKAGE)
                    found.alias = found.alias or next(names, "")
                elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    name = _environment_name(node.value)
                    found.by_name |= {name: node.targets[0].id} if name else {}
        return found

    @property
    def package(self) -> str:
        """The name of the package in the module."""
        return self.alias or "flyte"

    def variable(self, line: Line) -> str:
        """Give the variable of the environment that a line names; a new one where the notebook has none."""
        name = line.get("env", _DEFAULT)
        if name in self.by_name.values():
            return str(name)
        if name not in self.by_name:
            variable = _identifier(f"{name}_env")
            self.by_name[name] = variable
            self.made[variable] = _statement(f"{variable} = {self.package}.TaskEnvironment(name={name!r})")
        return self.by_name[name]

    def special(self, line: Line, function: str) -> str:
        """Give the variable of an environment for options that an environment has and a task has not."""
        base = self.variable(line)
        own = dict(_of_environment(line, base, self.package))
        if not own:
            return base
        variable = _identifier(f"{function}_env")
        label = re.sub(r"[^a-z0-9]+", "-", f"{line.get('env', _DEFAULT)}-{function}".lower()).strip("-")
        given = ", ".join(f"{name}={text}" for name, text in own.items())
        self.made[variable] = _statement(f"{variable} = {base}.clone_with(name={label!r}, {given})")
        return variable


def is_functions(cell: CodeCell) -> bool:
    """Whether a cell's magic makes tasks of its functions."""
    return cell.magic == TASK_MAGIC and any(_is_public(node) for node in cell.statements)


def decorator(cell: CodeCell, node: ast.stmt, environments: Environments) -> str:
    """Give the line that the cell's magic stands for above a statement; empty if it makes no task of it.

    Raises:
        UsageError: the magic's line is wrong.
    """
    if cell.magic != TASK_MAGIC or not _is_public(node) or _is_task(node):
        return ""
    line = options.parse(cell.argument)
    name = str(getattr(node, "name", ""))
    return _decorator(line, environments.special(line, name), environments.package)


def call(cell: CodeCell, package: str) -> ast.stmt | None:
    """Give the run that the line asks for; None if it asks for none.

    Raises:
        UsageError: the line is wrong.
    """
    line = options.parse(cell.argument)
    names = [node.name for node in cell.statements if isinstance(node, _FUNCTIONS) and _is_public(node)]
    if not line.says("run") or not names:
        return None
    inputs = line.get("run")
    text = f"{package}.run({names[-1]}{', ' if inputs else ''}{inputs})"
    try:
        if line.says("as"):
            return _statement(f"{line.get('as')} = {text}")
        return _statement(f"{text}.outputs()")
    except SyntaxError:
        raise UsageError(f"--run {inputs!r} is no list of inputs") from None


def _decorator(line: Line, environment: str, package: str) -> str:
    told = ", ".join(f"{name}={text}" for name, text in _of_task(line, package))
    return f"@{environment}.task({told})" if told else f"@{environment}.task"


def _of_task(line: Line, package: str) -> Iterator[tuple[str, str]]:
    if line.name:
        yield "short_name", repr(line.name)
    how, version, ignored = line.get("cache"), line.get("cache_version"), line.get("ignore", ())
    if version is not None or ignored:
        more = f", version_override={version!r}" if version is not None else ""
        more += f", ignored_inputs={tuple(ignored)!r}" if ignored else ""
        yield "cache", f"{package}.Cache({how or 'auto'!r}{more})"
    elif how is not None:
        yield "cache", repr(how)
    if line.get("retries"):
        yield "retries", repr(line.get("retries"))
    limits = {"max_runtime": line.get("timeout"), "max_queued_time": line.get("queued_timeout")}
    told = ", ".join(
        f"{n}=datetime.timedelta(seconds={seconds!r})" for n, seconds in limits.items() if seconds is not None
    )
    if told:
        yield "timeout", f"{package}.Timeout({told})"
    if line.get("report"):
        yield "report", "True"


def _of_environment(line: Line, base: str, package: str) -> Iterator[tuple[str, str]]:
    if line.get("image"):
        image = line.get("image")
        yield "image", image if image.isidentifier() and image != "auto" else repr(image)
    amounts = {name: line.get(name) for name in _AMOUNTS if line.get(name) is not None}
    if amounts:
        told = ", ".join(f"{name}={_amount(value)}" for name, value in amounts.items())
        yield "resources", f"dataclasses.replace({base}.resources or {package}.Resources(), {told})"
    if line.get("reuse"):
        yield "reusable", f"{package}.ReusePolicy(replicas={line.get('reuse')!r})"
    variables: Mapping[str, str] = dict(line.get("env_var", ()))
    if variables:
        yield "env_vars", f"{{**({base}.env_vars or {{}}), **{variables!r}}}"
    if line.get("secret"):
        yield "secrets", f"[{', '.join(_secret(text, package) for text in line.get('secret'))}]"


def _amount(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_amount, value))})"
    return str(value) if isinstance(value, str) and value.isdigit() else repr(value)


def _secret(text: str, package: str) -> str:
    group, slash, key = text.rpartition("/")
    return f"{package}.Secret(key={key!r}, group={group!r})" if slash else f"{package}.Secret(key={text!r})"


def _is_public(node: ast.stmt) -> bool:
    return isinstance(node, _FUNCTIONS) and not node.name.startswith("_")


def _is_task(node: Any) -> bool:
    """Whether a function has a task's decorator already."""
    called = (one.func if isinstance(one, ast.Call) else one for one in node.decorator_list)
    return any(isinstance(one, ast.Attribute) and one.attr == "task" for one in called)


def _environment_name(node: ast.expr) -> str:
    """Give the name of the environment that an expression makes; empty if it makes none."""
    if not isinstance(node, ast.Call):
        return ""
    made = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if made not in ("TaskEnvironment", "clone_with"):
        return ""
    named = [k.value for k in node.keywords if k.arg == "name"] or node.args[:1]
    return str(named[0].value) if named and isinstance(named[0], ast.Constant) else ""


def _identifier(text: str) -> str:
    made = re.sub(r"\W", "_", text)
    return made if made.isidentifier() else f"_{made}"


def _statement(text: str) -> ast.stmt:
    return ast.parse(text).body[0]
