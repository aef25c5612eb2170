"""The form of an environment: everything that its tasks share."""

from dataclasses import dataclass
from typing import Any

from flyte_jupyter.notebook.panels import coding
from flyte_jupyter.notebook.panels.form import Answer, Field, Values
from flyte_jupyter.notebook.panels.names import Names
from flyte_jupyter.tasks.environment import TaskEnvironment
from flyte_jupyter.tasks.secret import secrets_of

_AMOUNTS = {"cpu": "Cores", "memory": "Memory", "gpu": "GPUs", "disk": "Disk", "shm": "Shared memory"}
_EXAMPLES = {"cpu": "2, or 1,4", "memory": "4Gi", "gpu": "1, or T4:1", "disk": "10Gi", "shm": "auto"}
_NOTHING = {
    "image": "'auto'",
    "resources": "flyte.Resources()",
    "env_vars": "{}",
    "secrets": "()",
    "cache": "'disable'",
    "reusable": "None",
    "depends_on": "()",
}
"""What takes away a setting that an environment has."""


@dataclass(frozen=True, slots=True)
class EnvironmentPanel:
    """An environment to fill in.

    Args:
        names: the notebook's names, where it is put.
        env: an environment whose values the form holds at first.
    """

    names: Names
    env: TaskEnvironment | None = None
    title: str = "Environment"
    buttons: tuple[str, ...] = ("Apply",)

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields with what they hold at first."""
        env = self.env
        cache = getattr(getattr(env, "cache", None), "behavior", "")
        reuse = getattr(getattr(env, "reusable", None), "replicas", "")
        pool = reuse[-1] if isinstance(reuse, tuple) else reuse
        return (
            Field(name="variable", label="Variable", value=self._known or "env"),
            Field(name="name", label="Name", value=env.name if env else ""),
            Field(name="image", label="Image", value=_image(env), choices=("auto",), help=_image_help(env)),
            *(
                Field(name=n, label=label, value=_amount(env, n), help=_EXAMPLES[n])
                for n, label in _AMOUNTS.items()
            ),
            Field(
                name="variables",
                label="Variables",
                kind="lines",
                value=_variables(env),
                help="NAME=value, one a line",
            ),
            Field(
                name="secrets", label="Secrets", value=_secrets(env), help="Keys, with commas between them"
            ),
            Field(
                name="cache",
                label="Cache",
                kind="choice",
                value=cache,
                choices=("", "auto", "override", "disable"),
            ),
            Field(
                name="reuse", label="Warm workers", kind="number", value=str(pool), help="Kept for its tasks"
            ),
            Field(
                name="depends",
                label="Depends on",
                value=", ".join(filter(None, map(self.names.name_of, env.depends_on if env else ()))),
                help="Variables of environments, with commas between them",
            ),
        )

    def answer(self, values: Values) -> Answer:
        """Write it as code."""
        return Answer(code=f"{coding.variable(values['variable'])} = {self._code(values)}")

    def press(self, button: str, values: Values) -> Answer:  # noqa: ARG002 - there is only one
        """Make it, and put it where the notebook's cells find it."""
        variable = coding.variable(values["variable"])
        self.names.put(variable, self.names.evaluated(self._code(values)))
        shown = self.answer(values)
        return Answer(code=shown.code, said=f"{variable} is the environment {values['name']!r} now.")

    @property
    def _known(self) -> str | None:
        """The notebook's name for the environment that is there."""
        return self.names.name_of(self.env) if self.env is not None else None

    def _code(self, values: Values) -> str:
        """Write it anew, or as a change of the one that is there: so what has no field is kept."""
        given = _arguments(values)
        if self._known is None:
            return coding.call("flyte.TaskEnvironment", {"name": repr(str(values["name"])), **given})
        before = _arguments({one.name: one.value for one in self.fields})
        changed = {key: text or _NOTHING[key] for key, text in given.items() if text != before[key]}
        return coding.call(f"{self._known}.clone_with", {"": repr(str(values["name"])), **changed})


def _arguments(values: Values) -> dict[str, str]:
    """Write the arguments, without the name; those that are not given are empty."""
    secrets = [part.strip() for part in str(values["secrets"]).split(",") if part.strip()]
    depends = [coding.variable(part) for part in str(values["depends"]).split(",") if part.strip()]
    workers = coding.amount(values["reuse"])
    return {
        "image": coding.text(values["image"]),
        "resources": coding.resources(values),
        "env_vars": coding.pairs(str(values["variables"])),
        "secrets": repr(secrets) if secrets else "",
        "cache": coding.text(values["cache"]),
        "reusable": f"flyte.ReusePolicy(replicas={workers})" if workers else "",
        "depends_on": f"[{', '.join(depends)}]" if depends else "",
    }


def _image(env: TaskEnvironment | None) -> str:
    return env.image if env is not None and isinstance(env.image, str) else ""


def _image_help(env: TaskEnvironment | None) -> str:
    return "A URI, or auto" if env is None or isinstance(env.image, str) else "Empty: the image that it has"


def _amount(env: TaskEnvironment | None, name: str) -> str:
    value: Any = getattr(env.resources, name) if env is not None and env.resources is not None else None
    return "" if value is None else ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _variables(env: TaskEnvironment | None) -> str:
    return "\n".join(f"{name}={value}" for name, value in ((env.env_vars if env else None) or {}).items())


def _secrets(env: TaskEnvironment | None) -> str:
    return ", ".join(secret.key for secret in secrets_of(env.secrets)) if env else ""
