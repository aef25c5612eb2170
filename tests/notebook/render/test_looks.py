"""Each phase has a word and a symbol of its own, and a colour that reads on white and on a dark page."""

import pytest

from flyte_jupyter.notebook.render.ansi import GROUND, INK
from flyte_jupyter.notebook.render.colour import AA, contrast, readable
from flyte_jupyter.notebook.render.phases import CACHED, LOOKS, badge, look, pill, tally, told
from flyte_jupyter.runs.state import ActionState, Phase

ALL = [*LOOKS.values(), CACHED]
GRAPHICS = 3.0


def test_every_phase_has_a_look_of_its_own():
    assert set(LOOKS) == set(Phase)
    assert len({one.word for one in ALL}) == len({one.symbol for one in ALL}) == len(ALL)


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.word)
def test_colours_read(one):
    assert contrast("#ffffff", one.colour) >= AA
    assert contrast(one.colour, "#ffffff") >= GRAPHICS
    assert contrast(one.colour, "#111111") >= GRAPHICS


def test_no_single_colour_could_be_text_on_both_pages():
    # Why coloured text always brings its own ground: the best grey misses 4.5 on white or on #111.
    greys = [f"#{g:02x}{g:02x}{g:02x}" for g in range(256)]

    assert max(min(contrast(g, "#ffffff"), contrast(g, "#111111")) for g in greys) < AA


def test_contrast_is_that_of_the_guidelines():
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_unreadable_colours_are_moved():
    assert contrast(INK, GROUND) >= AA
    for colour in ("#000000", "#0000ff", "#1f2328", "#800000"):
        assert contrast(readable(colour, GROUND), GROUND) >= AA
    assert readable("#ffffff", GROUND) == "#ffffff"


def test_a_badge_is_never_its_colour_alone():
    for one in ALL:
        assert one.symbol in badge(one)
        assert one.word in pill(one)


def test_a_cache_hit_looks_cached_and_a_failed_one_failed():
    hit = ActionState(name="a", phase=Phase.SUCCEEDED, cache="hit")
    bad = ActionState(name="b", phase=Phase.FAILED, cache="hit")

    assert look(hit) is CACHED
    assert told(tally([bad, hit, hit])) == "2 cached, 1 failed"
