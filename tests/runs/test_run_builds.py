"""The images of a run, as the fold of their events says."""

from eventlogs import Clock, image

from flyte_jupyter.runs.builds import images
from flyte_jupyter.runs.events import ImageStep


def test_an_image_that_is_built_and_pushed_is_one_image_with_its_steps():
    (built,) = images(image())

    assert (built.name, built.action, built.status) == ("localhost:5000/me/app:0123", "a0", "pushed")
    assert (built.seconds, built.size, built.count) == (4.0, 5000, 2)
    assert [(s.number, s.status, s.layer, s.seconds, s.size) for s in built.steps] == [
        (1, "cached", "", 0.0, 0),
        (2, "ran", "pip", 2.5, 1000),
    ]


def test_steps_begin_when_they_are_first_said_to_run():
    e = Clock()
    log = [e(ImageStep, image="i", status="running", step=1), e(ImageStep, image="i", status="ran", step=1)]

    assert images(log)[0].steps[0].started == log[0].time


def test_two_actions_that_need_an_image_each_have_their_own_record():
    e = Clock()
    log = [e(ImageStep, name, image="i", status="pulled") for name in ("a1", "a2")]

    assert [(found.action, found.status) for found in images(log)] == [("a1", "pulled"), ("a2", "pulled")]


def test_a_run_without_images_has_none():
    assert images([]) == ()
