"""The builder of HTML: everything is escaped, and nothing that runs code can be written."""

import pytest

from flyte_jupyter.notebook.render.html import Html, escape, fold, join, picture, tag


def test_children_are_escaped_unless_they_are_html():
    assert tag("p", "<b>", tag("i", "&"), Html("<br>")) == "<p>&lt;b&gt;<i>&amp;</i><br></p>"


def test_attributes_are_escaped():
    assert tag("p", title='"><script>') == '<p title="&quot;&gt;&lt;script&gt;"></p>'


def test_attributes_that_are_none_or_false_are_left_out():
    assert tag("details", open=True, title=None, hidden=False) == "<details open></details>"


def test_nothing_is_joined_that_is_none_or_empty():
    assert join(["a", None, "", "b"], " · ") == "a · b"


@pytest.mark.parametrize(
    ("name", "value"),
    [("href", "javascript:alert(1)"), ("href", "https://x.org"), ("onclick", "alert(1)"),
     ("src", "https://x.org/a.png"), ("src", "data:text/html,x")],
)  # fmt: skip
def test_attributes_that_run_code_or_lead_away_are_refused(name, value):
    with pytest.raises(ValueError, match="may not be written"):
        tag("img", **{name: value})


def test_pictures_are_carried_by_value():
    assert 'src="data:image/svg+xml;base64,PHN2Zy8+"' in picture("<svg/>", "nothing", 1, 1)


def test_broken_text_becomes_text_that_encodes():
    assert escape("\ud800\x00").encode() == "\ufffd\ufffd".encode()


def test_sections_fold():
    assert "<details open" in fold("x", unfolded=True)
    assert "<details style" in fold("x")
