"""Whatever code, logs and names say stays text: in the tree of tags, and in a real browser."""

import base64
import os
import re
import shutil
from xml.etree import ElementTree as ET

import lab_sanitiser
import pytest
import sample_runs

from flyte_jupyter.notebook.render.bundle import bundle
from flyte_jupyter.notebook.render.card import card
from flyte_jupyter.runs.events import Failure, ReportWritten

CORPUS = [
    '"><script>document.title="hit"</script>',
    "'><img src=x onerror=document.title='hit'>",
    "<svg onload=document.title='hit'>",
    "</pre></details></div><script>document.title='hit'</script>",
    "javascript:document.title='hit'",
    "<a href=javascript:document.title='hit'>x</a>",
    "]]></text></svg><script>document.title='hit'</script>",
    "<!--<img src='--><img src=x onerror=document.title='hit'>",
    "&lt;script&gt;document.title='hit'&lt;/script&gt;",
    "\x1b[31m\"><script>document.title='hit'</script>\x1b[0m",
    "\x1b]8;;javascript:document.title='hit'\x07click\x1b]8;;\x07",
    "\u202e<script>\u2066\u0000\ud800\udfff\uffff{{constructor}}",
    '" style="background:url(javascript:1)" onmouseover="document.title=1',
    "</iframe><script>document.title='hit'</script>",
    "\\u003cscript\\u003e ${7*7} {{7*7}} %00",
]


FITTED = "frame => frame.style.height !== '420px'"
"""The report has told its height, and the page has heard it."""


def hostile(text):
    """A run in which everything that comes from outside is that text."""
    failure = Failure(code=text, message=text, traceback=f"{text}\n  {text}")
    names = [text, text + "2"]
    events = [
        sample_runs.begun(task=text, mode=text, labels={text: text}, source={text: text}, rerun_of=text),
        sample_runs.queued("a0", 0, text, task=text, group=text),
        sample_runs.started("a0", 0.1, place=text),
    ]
    for i, name in enumerate(names):
        events += [
            sample_runs.queued(name, 1 + i, text, task=text, group=text),
            sample_runs.started(name, 2 + i, place=text),
            sample_runs.stumbled(name, 3 + i, 1, failure),
            ReportWritten(run=text, action=name, time=sample_runs.START + 4, blob=text, tabs=(text,)),
            sample_runs.failed(name, 5 + i, failure),
        ]
    return sample_runs.run_of([*events, sample_runs.failed("a0", 9, failure)])


def drawn(text):
    logs = {"a0": f"{text}\n{text}", text: text}
    return card(hostile(text), logs=logs, outputs={text: text}, now=sample_runs.NOW, zone=sample_runs.ZONE)


@pytest.mark.parametrize("text", CORPUS)
def test_hostile_text_adds_no_tag_and_no_attribute(text):
    html = drawn(text)

    assert lab_sanitiser.read(html).lost == []
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html)
    html.encode()
    for data in re.findall(r"base64,([^\"]*)", html):
        ET.fromstring(base64.b64decode(data))


@pytest.mark.parametrize("text", CORPUS)
def test_hostile_text_stays_out_of_the_other_forms(text):
    found = bundle(hostile(text), now=sample_runs.NOW)

    assert "\x1b" not in found["text/plain"]
    assert len(found["text/plain"].splitlines()) < 12
    str(found).encode()


def test_hostile_text_runs_nothing_in_a_browser():
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None and not os.environ.get("CI"):
        pytest.skip("no chromium; `apt-get install chromium` provides it")
    page_of = "<!doctype html><meta charset=utf-8><title>calm</title>"
    reports = "".join(
        card(sample_runs.simple(), reports={"a0": f"x{text}"}, now=sample_runs.NOW) for text in CORPUS
    )
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-quic"])
        page = browser.new_page()
        page.set_content(page_of + "".join(map(drawn, CORPUS)) + reports, wait_until="load")
        page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
        for frame in page.locator("iframe").all():  # one out of sight is not laid out by the browser
            frame.scroll_into_view_if_needed()
            page.wait_for_function(FITTED, arg=frame.element_handle())
        title, frames = page.title(), len(page.frames)
        page.set_content(page_of + CORPUS[0])
        control = page.title()
        browser.close()

    assert title == "calm"
    assert frames == 1 + len(CORPUS)
    assert control == "hit"
