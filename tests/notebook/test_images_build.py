"""``%flyte images build`` in a kernel: a line for each step, and nothing is built twice."""

import uuid

from dockers import base_image, engine, swept  # noqa: F401 - fixtures


def test_the_images_of_tasks_are_built_once_with_a_line_for_each_step(kernel, base_image):  # noqa: F811 - the fixture
    made = kernel.run(
        f"image = flyte.Image.from_base({base_image!r}).clone(name='flyte-jupyter-test')"
        f".with_commands(['echo {uuid.uuid4()}'])\n"
        "built = flyte.TaskEnvironment('built', image=image)\n"
        "@built.task\ndef first() -> int:\n    return 1"
    )
    once = kernel.run("%flyte images build built")
    again = kernel.run("%flyte images build first")
    unknown = kernel.run("%flyte images build nothing")

    assert made.error == ""
    assert once.error == ""
    assert "2/2 ran" in once.stdout
    assert "RUN echo" in once.stdout
    assert "✓ built  flyte-jupyter-test:" in once.stdout
    assert again.stdout.startswith("≡ flyte-jupyter-test:")
    assert "nothing" in unknown.stderr + unknown.error
