"""What code shows is kept and can be shown again, in a real kernel."""

import pytest

SETUP = """
from IPython.display import HTML, display, update_display
from flyte_jupyter.notebook.recording import recording, replay
ip = get_ipython()
"""


@pytest.fixture(autouse=True)
def names(kernel):
    assert kernel.run(SETUP).status == "ok"


def test_displays_are_shown_and_kept(kernel):
    done = kernel.run("with recording(ip) as kept:\n    display(HTML('<b>one</b>'))\n    display(2)")
    again = kernel.run("replay(ip, kept)")

    assert [d["text/plain"] for d in done.displays] == ["<IPython.core.display.HTML object>", "2"]
    assert again.displays == done.displays


def test_what_is_kept_is_plain_data(kernel):
    done = kernel.run(
        "import json\nwith recording(ip) as kept:\n    display(HTML('<b>x</b>'))\nlen(json.dumps(kept)) > 0"
    )

    assert done.value == "True"


def test_an_update_replaces_what_it_updates(kernel):
    kernel.run(
        "with recording(ip) as kept:\n    display('old', display_id='d1')\n"
        "    update_display('new', display_id='d1')"
    )
    again = kernel.run("replay(ip, kept)")

    assert [d["text/plain"] for d in again.displays] == ["'new'"]


def test_plots_are_kept(kernel):
    done = kernel.run(
        "%matplotlib inline\nimport matplotlib.pyplot as plt\n"
        "with recording(ip) as kept:\n    plt.plot([1, 2]);"
    )
    again = kernel.run("replay(ip, kept)")

    assert sum("image/png" in d for d in done.displays) == 1
    assert sum("image/png" in d for d in again.displays) == 1


def test_what_other_code_shows_is_not_kept(kernel):
    done = kernel.run("with recording(ip) as kept:\n    pass\ndisplay(1)\nlen(kept)")

    assert done.value == "0"


def test_nothing_is_kept_of_code_that_raises_but_the_hook_is_gone(kernel):
    kernel.run("try:\n    with recording(ip) as kept:\n        1 / 0\nexcept ZeroDivisionError: pass")
    done = kernel.run("display(1)\nlen(kept)")

    assert done.value == "0"
