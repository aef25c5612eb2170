"""Deployed environments, and deployed tasks by name: run, called with positions and keywords, as children."""

import pytest
import work

import flyte_jupyter as flyte
from flyte_jupyter.errors import DeploymentError, RemoteTaskNotFoundError, RemoteTaskUsageError
from flyte_jupyter.remote import Task
from flyte_jupyter.tasks import environment

pytestmark = pytest.mark.usefixtures("connected")


@pytest.fixture
def deployed(monkeypatch):
    """Two environments, deployed and then forgotten by this process."""
    monkeypatch.setattr(environment, "_registry", {})
    low = flyte.TaskEnvironment(name="low")

    @low.task
    def scaled(x: int, point: work.Point, by: int = 2) -> work.Point:
        print("scaling", x)
        return work.Point(x * by, point.x)

    top = flyte.TaskEnvironment(name="top", depends_on=[low])

    @top.task
    async def user(x: int) -> int:
        return (await scaled.aio(x, work.Point(1))).x

    made = flyte.deploy(top)
    environment._registry.clear()
    return made


def test_dependencies_go_first_under_one_version(deployed):
    assert list(deployed.tasks.items()) == [("low", ("low.scaled",)), ("top", ("top.user",))]
    assert len(deployed.version) == 16


def test_the_latest_and_a_version_run_by_position_and_by_keyword(deployed):
    task = Task.get("low.scaled", auto_version="latest")
    run = flyte.with_runcontext(mode="remote").run(task, 3, work.Point(9), by=5)
    (point,) = run.outputs()
    assert (point.x, point.y) == (15, 9)
    assert "scaling 3" in "".join(row.text for row in run.logs())
    task = Task.get("top.user", version=deployed.version)
    run = flyte.with_runcontext(mode="remote").run(task, x=4)
    assert run.outputs() == (8,)
    assert {a.task_name for a in run.actions} == {"top.user", "low.scaled"}


@pytest.mark.parametrize("mode", ["local", "hybrid"])
def test_as_a_child_of_a_local_or_hybrid_parent(deployed, mode, env):
    task = Task.get("low.scaled", auto_version="latest")

    @env.task
    async def parent(n: int) -> int:
        return (await task(n, point=work.Point(1))).x

    run = flyte.with_runcontext(mode=mode).run(parent, 6)
    assert run.outputs() == (12,)
    (child,) = (a for a in run.actions if a.name != "a0")
    assert (child.task_name, child.attempts[0].place) == ("low.scaled", "flyte")


def test_what_is_not_there(deployed):
    with pytest.raises(RemoteTaskNotFoundError, match="low.nothing"):
        Task.get("low.nothing", auto_version="latest").fetch()
    with pytest.raises(RemoteTaskNotFoundError, match="v7"):
        Task.get("low.scaled", version="v7").fetch()
    with pytest.raises(RemoteTaskUsageError, match="runs at the endpoint only"):
        Task.get("low.scaled", auto_version="latest")(1, work.Point(1))


def test_the_version_is_that_of_the_code(deployed, env):
    from flyte_jupyter.backends.flyte_deploy import version_of

    factor = {"by": 1}

    @env.task
    def f(x: int) -> int:
        return x * factor["by"]

    before = version_of([env])
    assert version_of([env]) == before
    factor["by"] = 2
    assert version_of([env]) != before


def test_nothing_to_deploy(env):
    with pytest.raises(DeploymentError, match="no task"):
        flyte.deploy(env)
    with pytest.raises(TypeError, match="takes environments"):
        flyte.deploy("env")
