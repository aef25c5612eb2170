"""The MIME bundle: small JSON, HTML and text of the same run."""

import json

import pytest
import sample_runs

from flyte_jupyter.notebook.render.bundle import LIMIT, RUN_MIME, bundle, run_json
from flyte_jupyter.notebook.render.summary import summary
from flyte_jupyter.runs.state import fold


def test_a_bundle_has_three_forms():
    found = bundle(sample_runs.quickstart(), now=sample_runs.NOW)

    assert list(found) == [RUN_MIME, "text/html", "text/plain"]
    assert {type(form) for form in found.values()} == {dict, str}


def test_the_json_tells_the_headline_and_places_of_the_graph(snapshot):
    snapshot(json.dumps(run_json(sample_runs.retried()), indent=1, ensure_ascii=False), "run_retried.json")


@pytest.mark.parametrize("make", [sample_runs.chain, lambda: fold(sample_runs.large_events())])
def test_the_json_is_small(make):
    found = run_json(make())

    assert len(json.dumps(found)) <= LIMIT
    assert found["actions"] == sum(node["count"] for node in found["graph"]["nodes"])


def test_the_json_stays_small_with_long_names():
    events = [sample_runs.begun(task="t" * 10_000), sample_runs.queued("a0", 0, "n" * 10_000)]
    events += [sample_runs.queued(f"a{i}" * 500, 0, "\u2028" * 900 + str(i)) for i in range(200)]

    assert len(json.dumps(run_json(sample_runs.run_of(events)))) <= LIMIT


@pytest.mark.parametrize("name", ["simple", "quickstart", "retried", "interrupted", "chain"])
def test_the_text_looks_as_agreed(name, snapshot):
    snapshot(summary(getattr(sample_runs, name)(), now=sample_runs.NOW), f"summary_{name}.txt")


def test_the_text_of_a_large_run_is_short():
    assert len(summary(fold(sample_runs.large_events()), now=sample_runs.NOW)) < 1_000
