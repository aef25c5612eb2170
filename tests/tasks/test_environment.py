"""Environments: what their tasks inherit, what they depend on, and what re-running a cell does."""

import pytest

import flyte_jupyter as flyte
from flyte_jupyter.tasks.environment import deployment_order, environments, find_task


def test_tasks_inherit_and_go_before():
    env = flyte.TaskEnvironment(
        name="base", resources=flyte.Resources(cpu=1), env_vars={"A": "1", "B": "1"}, secrets="one",
        cache="auto", interruptible=True, queue="q", pod_template="pod",
    )  # fmt: skip

    @env.task
    def plain() -> None:
        pass

    @env.task(
        resources=flyte.Resources(cpu=2),
        env_vars={"B": "2"},
        secrets="two",
        cache="disable",
        interruptible=False,
    )
    def own() -> None:
        pass

    assert (plain.resources.cpu, plain.cache.behavior, plain.interruptible, plain.queue) == (
        1,
        "auto",
        True,
        "q",
    )
    assert dict(plain.env_vars) == {"A": "1", "B": "1"}
    assert (own.resources.cpu, own.cache.behavior, own.interruptible, own.queue) == (2, "disable", False, "q")
    assert dict(own.env_vars) == {"A": "1", "B": "2"}
    assert [s.key for s in own.secrets] == ["one", "two"]
    assert plain.parent_env is env


@pytest.mark.parametrize("name", ["ok", "my-env", "my_env", "a1", "1a"])
def test_names_that_are_accepted(name):
    assert flyte.TaskEnvironment(name=name).name == name


@pytest.mark.parametrize("name", ["", "My", "a b", "a--b", "-a", "a-", "a.b", "é"])
def test_names_that_are_refused(name):
    with pytest.raises(flyte.errors.DefinitionError, match="cannot name an environment"):
        flyte.TaskEnvironment(name=name)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 3), ("depends_on", "x"), ("include", "path"), ("interruptible", 1), ("resources", {}),
        ("pod_template", 1), ("reusable", "yes"), ("secrets", 3), ("cache", 1),
    ],
)  # fmt: skip
def test_wrong_types_name_the_field(field, value):
    with pytest.raises(TypeError, match=field if field != "secrets" else "secret"):
        flyte.TaskEnvironment(**{"name": "wrong", field: value})


def test_a_clone_differs_in_what_is_given_and_has_no_tasks():
    env = flyte.TaskEnvironment(name="base", env_vars={"A": "1"}, reusable=flyte.ReusePolicy(1), cache="auto")

    @env.task
    async def task() -> None:
        pass

    clone = env.clone_with("clone", env_vars={"B": "2"}, reusable=None)

    assert (clone.name, dict(clone.env_vars), clone.reusable, clone.cache.behavior) == (
        "clone",
        {"B": "2"},
        None,
        "auto",
    )
    assert list(clone.tasks) == []
    assert list(env.tasks) == ["base.task"]
    with pytest.raises(TypeError, match="no parameter 'nmae'"):
        env.clone_with("x", nmae=1)


def test_dependencies_in_a_circle_are_refused_with_their_path():
    a = flyte.TaskEnvironment(name="aa")
    b = flyte.TaskEnvironment(name="bb", depends_on=[a])
    c = flyte.TaskEnvironment(name="cc", depends_on=[b])

    with pytest.raises(flyte.errors.DefinitionError, match="aa -> cc -> bb -> aa"):
        a.add_dependency(c)
    with pytest.raises(flyte.errors.DefinitionError, match="aa -> aa"):
        a.add_dependency(a)
    with pytest.raises(TypeError, match="cannot depend on 3"):
        a.add_dependency(3)
    b.add_dependency(a, a)
    assert [e.name for e in b.depends_on] == ["aa"]
    assert [e.name for e in deployment_order(c)] == ["aa", "bb", "cc"]


def test_running_the_cell_again_replaces_the_environment_and_its_tasks():
    def cell(k):
        env = flyte.TaskEnvironment(name="rerun")

        @env.task
        def task(x: int) -> int:
            return x + k

        return env

    cell(1)
    second = cell(2)

    assert environments()["rerun"] is second
    assert find_task("rerun.task") is second.tasks["rerun.task"]
    assert flyte.run(find_task("rerun.task"), 1).outputs() == (3,)
    assert find_task("rerun.other") is None
    assert find_task("nowhere.task") is None


def test_a_task_defined_again_replaces_the_first():
    env = flyte.TaskEnvironment(name="again")

    @env.task
    def task() -> int:
        return 1

    first = task

    @env.task
    def task() -> int:
        return 2

    assert find_task("again.task") is task
    assert (flyte.run(first).outputs(), flyte.run(task).outputs()) == ((1,), (2,))


def test_stand_alone_tasks_get_an_environment():
    task = flyte.AsyncFunctionTaskTemplate(name="lonely", func=lambda x: x)

    env = flyte.TaskEnvironment.from_task("home", task)

    assert env.tasks["lonely"].parent_env is env
    with pytest.raises(flyte.errors.DefinitionError, match="belongs to the environment 'home'"):
        flyte.TaskEnvironment.from_task("other", env.tasks["lonely"])
