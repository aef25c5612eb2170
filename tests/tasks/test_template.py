"""Tasks: what they are made of, how they are called, changed, shown, copied and found."""

import asyncio
import copy
import functools
import inspect
import pickle
import pydoc

import cloudpickle
import pytest

import flyte_jupyter as flyte
from flyte_jupyter.extend import TaskPluginRegistry
from flyte_jupyter.remote import Task

env = flyte.TaskEnvironment(name="templates", env_vars={"A": "env"})


@env.task
def module_task(x: int, y: str = "z") -> str:
    """Join the inputs.

    Args:
        x: a number.
    """
    return f"{x}{y}"


@env.task
async def a_task(x: int) -> int:
    return x + 1


def test_outside_of_a_run_a_task_is_its_function():
    assert module_task(1, y="b") == "1b"
    assert asyncio.run(a_task(1)) == 2
    assert asyncio.run(a_task.aio(1)) == 2
    assert asyncio.run(module_task.aio(1)) == "1z"
    assert module_task.forward(3) == "3z"


def test_help_shows_the_functions_own_words_and_signature():
    text = pydoc.render_doc(module_task, renderer=pydoc.plaintext)

    assert "module_task(x: int, y: str = 'z') -> str" in text
    assert "Join the inputs." in text
    assert module_task.__name__ == "module_task"
    assert inspect.signature(module_task) == inspect.signature(module_task.func)
    assert repr(module_task) == "<task templates.module_task(x: int, y: str = 'z') -> str>"
    assert module_task.docs.description.startswith("Join the inputs.")
    assert module_task.source_file == __file__


def test_an_override_changes_a_copy():
    changed = module_task.override(short_name="other", retries=3, env_vars={}, timeout=5, report=True)

    assert (changed.short_name, changed.retries.count, dict(changed.env_vars)) == ("other", 3, {})
    assert (module_task.short_name, module_task.retries.count) == ("module_task", 0)
    assert dict(module_task.env_vars) == {"A": "env"}
    assert changed.override(retries=0).retries.count == 0
    assert module_task.override(cache="auto").override(cache=None).cache.behavior == "disable"
    assert changed(1) == "1z"


def test_an_override_of_what_is_fixed_or_unknown_is_refused():
    for name in ("name", "image", "docs", "interface"):
        with pytest.raises(flyte.errors.DefinitionError, match="it is fixed"):
            module_task.override(**{name: "x"})
    with pytest.raises(TypeError, match="has no parameter 'retrys'; it has .*retries"):
        module_task.override(retrys=1)
    with pytest.raises(flyte.errors.DefinitionError, match="retries=-1"):
        module_task.override(retries=-1)


def test_reusable_off_clears_the_policy():
    warm = flyte.TaskEnvironment(name="warm", reusable=flyte.ReusePolicy(replicas=1))

    @warm.task
    async def task() -> None:
        pass

    assert task.reusable.max_replicas == 1
    assert task.override(reusable="off").reusable is None


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("retries", "3", TypeError),
        ("retries", True, TypeError),
        ("timeout", "5m", TypeError),
        ("resources", "2 cpus", TypeError),
        ("cache", "sometimes", flyte.errors.DefinitionError),
        ("max_inline_io_bytes", -1, flyte.errors.DefinitionError),
        ("max_inline_io_bytes", "1k", TypeError),
        ("env_vars", {"A": 1}, TypeError),
        ("pod_template", 3, TypeError),
        ("image", 3, TypeError),
        ("image", "  ", flyte.errors.DefinitionError),
    ],
)
def test_wrong_values_are_said_at_the_decorator(field, value, error):
    with pytest.raises(error, match=field):

        @env.task(**{field: value})
        def task() -> None:
            pass


def test_decorators_between_task_and_function():
    def noisy(func):
        @functools.wraps(func)
        def wrapper(*args, **kwargs):
            return func(*args, **kwargs)

        return wrapper

    def a_noisy(func):
        @functools.wraps(func)
        async def wrapper(*args, **kwargs):
            return func(*args, **kwargs)

        return wrapper

    def blocking(func):
        @functools.wraps(func)
        def wrapper(*args, **kwargs):
            return asyncio.run(func(*args, **kwargs)) if not _in_loop() else func(*args, **kwargs)

        return wrapper

    @env.task
    @noisy
    async def over_async(x: int) -> int:
        return x

    @env.task
    @a_noisy
    def over_sync(x: int) -> int:
        return x

    @env.task
    @blocking
    async def blocked(x: int) -> int:
        return x

    for task in (over_async, over_sync, blocked):
        assert flyte.run(task, 3).outputs() == (3,)


def _in_loop():
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def test_methods_partials_and_callables_can_be_tasks():
    class Thing:
        def __init__(self, k):
            self.k = k

        def add(self, x: int) -> int:
            return x + self.k

    method = env.task(Thing(10).add)
    part = env.task(functools.partial(lambda x, y: x + y, 5))

    assert flyte.run(method, 1).outputs() == (11,)
    assert flyte.run(part, 1).outputs() == (6,)


def test_what_cannot_be_a_task_is_said():
    with pytest.raises(TypeError, match="decorates a function"):
        env.task(3)
    with pytest.raises(TypeError, match="is a task already"):
        env.task(module_task)
    with pytest.raises(TypeError, match="has no parameter 'retrys'"):
        env.task(retrys=1)(lambda: None)


class Thing:
    def method(self, x: int) -> int:
        return x

    @staticmethod
    def static(x: int) -> int:
        return x

    @classmethod
    def of_class(cls, x: int) -> int:
        return x

    class Inner:
        async def method(self) -> None: ...


def variadic(*args: int) -> int:
    return sum(args)


def generator(n: int):
    yield n


async def a_generator(n: int):
    yield n


@pytest.mark.parametrize(
    ("func", "told"),
    [
        (variadic, r"templates.variadic: parameter \*args: int has no fixed name; name each input of a task"),
        (generator, "templates.generator yields its values .*; return a list instead"),
        (a_generator, "templates.a_generator yields its values .*; return a list instead"),
        (functools.partial(generator, 1), "templates.generator yields its values"),
        (Thing, "templates.Thing: Thing is a class; write a function that makes the object"),
        (
            Thing.method,
            "templates.method: Thing.method is a method, .* write a function outside of the class",
        ),
        (Thing.Inner.method, "templates.method: Thing.Inner.method is a method"),
        (vars(Thing)["of_class"], "templates.of_class: Thing.of_class is a method"),
    ],
)
def test_what_cannot_run_as_a_task_is_refused_where_it_is_defined(func, told):
    with pytest.raises(flyte.errors.DefinitionError, match=told):
        env.task(func)


def test_a_static_method_and_a_part_of_an_annotated_function_can_be_tasks():
    def join(x: int, y: str) -> str:
        return f"{x}{y}"

    static = env.task(vars(Thing)["static"])
    part = env.task(functools.partial(join, 1))

    assert flyte.run(static, 3).outputs() == (3,)
    assert flyte.run(part, "b").outputs() == ("1b",)


def test_a_task_of_a_module_is_pickled_by_its_name():
    assert pickle.loads(pickle.dumps(module_task)) is module_task
    assert copy.copy(module_task) is module_task
    assert copy.deepcopy({"t": module_task})["t"] is module_task


def test_any_task_and_environment_survives_cloudpickle():
    local = flyte.TaskEnvironment(
        name="local", env_vars={"B": "1"}, cache="auto", resources=flyte.Resources(cpu=1)
    )

    @local.task(retries=2)
    def child(x: int) -> int:
        return x + 1

    @local.task
    async def parent(x: int) -> int:
        return child(x) * 10

    flyte.run(child, 1)  # what is computed lazily is there
    again = cloudpickle.loads(cloudpickle.dumps(parent))

    assert again is not parent
    assert again.name == "local.parent"
    assert dict(again.env_vars) == {"B": "1"}
    assert [t.name for t in again.parent_env.tasks.values()] == ["local.child", "local.parent"]
    assert flyte.run(again, 1).outputs() == (20,)
    with pytest.raises(TypeError):
        again.env_vars["C"] = "2"
    assert copy.deepcopy(local).name == "local"


class Settings:
    def __init__(self, factor):
        self.factor = factor


class Scaled(flyte.AsyncFunctionTaskTemplate):
    """A plugin that prepares, runs and finishes."""

    async def pre(self, *args, **kwargs):
        return {"factor": self.plugin_config.factor}

    async def execute(self, *args, **kwargs):
        return await super().execute(*args, **kwargs) + 1

    async def post(self, return_vals):
        return return_vals * self.plugin_config.factor


class TestPlugins:
    """A configuration's type chooses the class of the task."""

    @pytest.fixture(autouse=True)
    def registered(self):
        TaskPluginRegistry.register(Settings, Scaled)
        yield
        TaskPluginRegistry._classes.pop(Settings)

    def test_hooks_surround_the_body(self):
        @env.task(plugin_config=Settings(10))
        def task(x: int) -> int:
            assert flyte.ctx()["factor"] == 10
            return x

        assert isinstance(task, Scaled)
        assert flyte.run(task, 1).outputs() == (20,)
        assert flyte.run(task.override(retries=1), 1).outputs() == (20,)

    def test_an_asynchronous_body_too_and_as_a_child(self):
        @env.task(plugin_config=Settings(3))
        async def child(x: int) -> int:
            return x

        @env.task
        async def parent() -> int:
            return await child(1)

        assert flyte.run(parent).outputs() == (6,)

    def test_an_environment_configures_all_its_tasks(self):
        plugged = flyte.TaskEnvironment(name="plugged", plugin_config=Settings(2))

        @plugged.task
        def task(x: int) -> int:
            return x

        assert flyte.run(task, 1).outputs() == (4,)

    def test_an_unknown_configuration_is_said_at_once(self):
        with pytest.raises(flyte.errors.DefinitionError, match="no task plugin is registered for dict"):
            env.task(plugin_config={})(lambda: None)

    def test_a_plugin_is_a_class_of_tasks(self):
        with pytest.raises(TypeError, match="no subclass of AsyncFunctionTaskTemplate"):
            TaskPluginRegistry.register(Settings, int)


class TestLazy:
    """``Task.get`` stands for a task by its name."""

    def test_it_is_looked_up_when_it_is_needed(self):
        lazy = Task.get("templates.module_task", auto_version="latest")
        assert "not looked up yet" in repr(lazy)

        assert lazy(1, "b") == "1b"
        assert lazy.retries.count == 0
        assert lazy.override(short_name="x").short_name == "x"
        assert lazy.fetch() is module_task

    def test_it_can_be_run_and_called_in_a_run(self):
        lazy = Task.get("templates.module_task", version="1")

        @env.task
        async def parent() -> list[str]:
            return [lazy(1), await lazy.aio(2), *flyte.map(lazy, [3])]

        assert flyte.run(lazy, 5).outputs() == ("5z",)
        assert flyte.run(parent).outputs()[0] == ["1z", "2z", "3z"]

    def test_a_name_that_nobody_has_is_said_with_those_that_there_are(self):
        lazy = Task.get("templates.nothing", auto_version="latest")

        with pytest.raises(
            flyte.errors.RemoteTaskNotFoundError, match="'templates.nothing'; known tasks are .*module_task"
        ):
            flyte.run(lazy)

    @pytest.mark.parametrize(
        "versions", [{}, {"version": "1", "auto_version": "latest"}, {"auto_version": "x"}]
    )
    def test_one_kind_of_version_is_needed(self, versions):
        with pytest.raises(flyte.errors.DefinitionError, match="version"):
            Task.get("templates.module_task", **versions)
