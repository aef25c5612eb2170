"""What docstrings say, in three styles."""

import pickle

import pytest

from flyte_jupyter.tasks.documentation import Documentation, shortened


def google(rows, limit=3, **options):
    """Load rows
    from a file.

    And more.

    Args:
        rows: where they are,
            over two lines.

            And another paragraph.
        limit (int, optional): how many: at most.
        **options: more of them.

    Returns:
        rows: the rows.
    """


def numpy(rows, first, second):
    """Load rows.

    Parameters
    ----------
    rows : str
        Where they are,
        over two lines.
    first, second : int
        How many.

    Returns
    -------
    list
        The rows.
    """


def rest(rows, limit):
    """Load rows.

    :param rows: where they are,
        over two lines.
    :param int limit: how many
    :returns: the rows
    """


def test_google_style_is_read():
    docs = Documentation.of(google)

    assert docs.short == "Load rows from a file."
    assert docs.parameters == {
        "rows": "where they are, over two lines. And another paragraph.",
        "limit": "how many: at most.",
        "options": "more of them.",
    }


def test_numpy_style_is_read():
    assert Documentation.of(numpy).parameters == {
        "rows": "Where they are, over two lines.",
        "first": "How many.",
        "second": "How many.",
    }


def test_rest_style_is_read():
    assert Documentation.of(rest).parameters == {
        "rows": "where they are, over two lines.",
        "limit": "how many",
    }


def test_text_and_nothing_are_documentation():
    assert Documentation.of("  Does it.\n\n    More.") == Documentation("Does it.\n\nMore.")
    assert Documentation.of(None) == Documentation.of(lambda: 0) == Documentation()
    assert Documentation.of(Documentation("x")) == Documentation("x")
    assert Documentation().short == ""


def test_a_short_description_has_at_most_255_characters():
    short = Documentation("word " * 100).short

    assert len(short) <= 255
    assert short.endswith("...")
    assert shortened("x" * 255) == "x" * 255
    assert len(shortened("x" * 256)) == 255


@pytest.mark.parametrize(
    "text",
    [
        "Args:",
        "Args:\n",
        "Parameters\n---",
        "Parameters\n---\n---",
        ":param x:",
        "-\n-",
        "Args:\n    no colon",
    ],
)
def test_odd_docstrings_do_no_harm(text):
    assert isinstance(Documentation(text).parameters, dict)


def test_what_is_no_documentation_is_refused():
    with pytest.raises(TypeError, match="docs=3"):
        Documentation.of(3)
    with pytest.raises(TypeError, match="description=3"):
        Documentation(3)


def test_documentation_is_a_value():
    docs = Documentation("Does it.")

    assert pickle.loads(pickle.dumps(docs)) == docs
    assert len({docs, Documentation("Does it.")}) == 1
    assert repr(docs) == "Documentation(description='Does it.')"
