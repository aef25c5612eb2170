"""Objects of ours: a title and facts, as HTML and as text."""

import lab_sanitiser

from flyte_jupyter.notebook.render.html import Html
from flyte_jupyter.notebook.render.objects import object_html, object_text

FACTS = {
    "name": "train",
    "resources": {"cpu": 2, "memory": "4Gi"},
    "retries": 3,
    "cache": None,
    "secrets": (),
    "reuse": False,
    "packages": ("pandas", "scikit-learn"),
}


def test_an_object_looks_as_agreed(snapshot):
    html = object_html("flights.train", FACTS, kind="Task", code="def train(): ...")

    assert lab_sanitiser.read(html).lost == []
    snapshot(html, "object.html")
    snapshot(object_text("flights.train", FACTS, kind="Task"), "object.txt")


def test_facts_that_say_nothing_are_left_out():
    html = object_html("x", FACTS)

    assert "cache" not in html
    assert "secrets" not in html
    assert "reuse" in html


def test_facts_are_escaped_unless_they_are_html():
    html = object_html("<x>", {"<k>": "<v>", "h": Html("<b>bold</b>")}, kind="<kind>", code="<code>")

    assert lab_sanitiser.read(html.replace("<b>", "").replace("</b>", "")).lost == []
    assert "<b>bold</b>" in html


def test_long_values_fold():
    assert "<details" in object_html("x", {"doc": "line\n" * 100})
    assert max(map(len, object_text("x", {"doc": "word " * 1_000}).splitlines())) < 220
