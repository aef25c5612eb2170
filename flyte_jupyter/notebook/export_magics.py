"""What IPython's own syntax becomes in a plain module."""

import ast
import copy
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from flyte_jupyter.notebook.sources import CodeCell, below, magics_in

_REMOVED = frozenset(
    {
        *("load_ext", "reload_ext", "unload_ext", "matplotlib", "autoreload", "aimport", "config", "flyte"),
        *("pip", "conda", "mamba", "uv", "timeit", "memit", "debug", "gui", "colors", "xmode", "precision"),
        *("who", "who_ls", "whos", "history", "hist", "pinfo", "pinfo2", "pdoc", "psource", "clear"),
    }
)
"""Line magics that are about the notebook and not about its results."""

_SHOWING = frozenset(
    {"html", "HTML", "javascript", "js", "latex", "markdown", "svg", "SVG", "mermaid", "css"}
)
_INSTALL = re.compile(r"\s*(?:python\d?\s+-m\s+)?(?:pip\d?|uv|conda|mamba)\s+(?:pip\s+)?install\b")
_DOLLAR = re.compile(r"\$(?:(\w+)|\{(\w+)\})")


@dataclass(slots=True)
class Translation:
    """What a cell's or statement's translation needs and could not do.

    Args:
        imports: modules that the new text uses.
        comments: what was removed, for the place where it stood.
        notes: what could not be translated.
    """

    imports: set[str] = field(default_factory=set)
    comments: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def has_magic(node: ast.AST) -> bool:
    """Whether a statement holds a magic or a shell command."""
    return any(True for _ in magics_in(node))


def statements(node: ast.stmt, names: Collection[str], into: Translation) -> list[ast.stmt]:
    """Translate a statement.

    Args:
        node: it.
        names: the names that the notebook binds, for ``$name`` in commands.
        into: takes what is needed and what could not be done.
    """
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        found = list(magics_in(node.value))
        if found and found[0][0] is node.value:
            return _alone(found[0][1], found[0][2], names, into)
    changed = _Inside(names, into).visit(copy.deepcopy(node))
    return [ast.fix_missing_locations(changed)]


def other_language(cell: CodeCell, into: Translation) -> list[ast.stmt]:
    """Translate a cell below whose magic no Python stands."""
    body = below(cell).rstrip("\n") + "\n" if cell.offset else ""
    if cell.magic in _SHOWING:
        into.comments.append(f"removed: a cell of %%{cell.magic}")
        return []
    if cell.magic in ("bash", "sh") and not cell.argument:
        into.imports.add("subprocess")
        return _parsed(f"subprocess.run([{cell.magic!r}, '-c', {body!r}], check=True)")
    if cell.magic in ("writefile", "file"):
        into.imports.add("pathlib")
        words = cell.argument.split()
        opened = f"pathlib.Path({words[-1] if words else ''!r}).open({'a' if words[:1] == ['-a'] else 'w'!r})"
        return _parsed(f"with {opened} as file:\n    file.write({body!r})")
    return _refused(f"%%{cell.magic}", into)


def _alone(kind: str, texts: tuple[str, ...], names: Collection[str], into: Translation) -> list[ast.stmt]:
    """Translate a magic that is a statement of its own."""
    name, argument = texts[0] if texts else "", texts[1] if len(texts) > 1 else ""
    if kind in ("system", "getoutput"):
        if _INSTALL.match(name):
            into.comments.append(f"removed: !{name.strip()}")
            return []
        return [ast.fix_missing_locations(ast.Expr(_shell(kind, name, names, into)))]
    if kind == "run_line_magic" and name in _REMOVED:
        into.comments.append(f"removed: %{name} {argument}".rstrip())
        return []
    made = _MAGICS.get(name) if kind == "run_line_magic" else None
    return _written(made(argument), into) if made else _refused(f"%{name} {argument}".rstrip(), into)


def _written(made: tuple[str, str], into: Translation) -> list[ast.stmt]:
    module, text = made
    into.imports |= {module} if module else set()
    try:
        return _parsed(text)
    except SyntaxError:
        return _refused(text, into)


def _refused(what: str, into: Translation) -> list[ast.stmt]:
    """Let the module fail where it would otherwise do something else than the notebook."""
    into.notes.append(f"{what} is not translated")
    return _parsed(f"raise NotImplementedError({f'{what} of the notebook is not translated'!r})")


def _env(argument: str) -> tuple[str, str]:
    name, _, value = argument.partition("=") if "=" in argument else argument.partition(" ")
    text = f"os.environ[{name.strip()!r}]"
    return "os", f"{text} = {value.strip()!r}" if value.strip() else f"print({text})"


_MAGICS: Mapping[str, Callable[[str], tuple[str, str]]] = {
    "time": lambda code: ("", code),
    "prun": lambda code: ("", code),
    "cd": lambda folder: ("os", f"os.chdir({folder.strip().strip(chr(34) + chr(39)) or '~'!r})"),
    "env": _env,
    "set_env": _env,
    "pwd": lambda _: ("os", "print(os.getcwd())"),
    "mkdir": lambda folder: ("os", f"os.makedirs({folder.replace('-p', '').strip()!r}, exist_ok=True)"),
    "run": lambda file: (
        "runpy",
        f"globals().update(runpy.run_path({file.strip()!r}, run_name='__main__'))",
    ),
}
"""By name: the module that the new code needs, and the code."""


class _Inside(ast.NodeTransformer):
    """Translates magics inside other code, such as ``files = !ls``."""

    def __init__(self, names: Collection[str], into: Translation) -> None:
        self._names = names
        self._into = into

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        found = [(kind, texts) for call, kind, texts in magics_in(node) if call is node]
        if not found:
            return node
        kind, texts = found[0]
        name = texts[0] if texts else ""
        if kind in ("system", "getoutput"):
            return _shell(kind, name, self._names, self._into)
        if kind == "run_line_magic" and name == "pwd":
            self._into.imports.add("os")
            return _expression("os.getcwd()")
        self._into.notes.append(f"%{name} is not translated")
        self._into.imports.add("sys")
        return _expression(f"sys.exit({f'%{name} of the notebook is not translated'!r})")


def _shell(kind: str, command: str, names: Collection[str], into: Translation) -> ast.expr:
    into.imports.add("subprocess")
    text = ast.unparse(_interpolated(command, names))
    if kind == "system":
        return _expression(f"subprocess.run({text}, shell=True, check=False)")
    return _expression(
        f"subprocess.run({text}, shell=True, check=False, capture_output=True, text=True).stdout.splitlines()"
    )


def _interpolated(command: str, names: Collection[str]) -> ast.expr:
    """Put values in where the shell syntax of notebooks does: ``{expression}``, ``$name``."""

    def named(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        return f"{{{name}}}" if name in names else match[0].replace("{", "{{").replace("}", "}}")

    text = _DOLLAR.sub(named, command)
    if "{" not in text:
        return ast.Constant(command)
    try:
        return _expression(f"f{text!r}")
    except SyntaxError:
        return ast.Constant(command)


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _parsed(text: str) -> list[ast.stmt]:
    return ast.parse(text).body
