"""When results are kept and found, and under which version."""

import pickle
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.tasks.cache import Cache, CachePolicy, FunctionBodyPolicy, VersionParameters


@dataclass(frozen=True)
class Says:
    """A policy of a user."""

    word: str

    def get_version(self, salt, params):
        return self.word + salt


class Fails:
    def get_version(self, salt, params):
        raise OSError("no disk")


def double(x: int) -> int:
    return 2 * x


def triple(x: int) -> int:
    return 3 * x


PARAMS = VersionParameters(func=double)


@pytest.mark.parametrize(
    ("word", "behavior"),
    [
        ("auto", "auto"),
        ("on", "auto"),
        ("Enabled", "auto"),
        ("override", "override"),
        ("off", "disable"),
        ("NO", "disable"),
    ],
)
def test_words_stand_for_behaviors(word, behavior):
    assert Cache.of(word) == Cache(behavior)


def test_a_cache_stands_for_itself():
    cache = Cache("auto", salt="v1")

    assert Cache.of(cache) is cache


@pytest.mark.parametrize("value", [True, 3, None, ["auto"]])
def test_a_cache_of_a_wrong_type_is_refused(value):
    with pytest.raises(TypeError, match="a Cache or one of 'auto', 'override', 'disable'"):
        Cache.of(value)


def test_an_unknown_behavior_is_refused_with_the_closest():
    with pytest.raises(DefinitionError, match=r"cache='overide' is none of .* Did you mean 'override'"):
        Cache.of("overide")


def test_override_with_a_version_finds_what_is_kept_under_it():
    cache = Cache("override", version_override="v1")

    assert cache.is_enabled
    assert cache.finds
    assert cache.get_version() == "v1"


def test_override_without_a_version_refreshes():
    cache = Cache("override")

    assert cache.is_enabled
    assert not cache.finds
    assert cache.get_version(PARAMS) == Cache("auto").get_version(PARAMS)


def test_a_disabled_cache_has_no_version():
    cache = Cache("disable", version_override="v1")

    assert not cache.is_enabled
    assert not cache.finds
    assert cache.get_version(PARAMS) == ""


def test_the_version_follows_function_and_salt():
    versions = {
        Cache("auto").get_version(PARAMS),
        Cache("auto", salt="v1").get_version(PARAMS),
        Cache("auto").get_version(VersionParameters(func=triple)),
    }

    assert len(versions) == 3
    assert Cache("auto").get_version(PARAMS) in versions


@given(st.lists(st.text(), min_size=1), st.lists(st.text(), min_size=1))
def test_policies_that_say_different_things_make_different_versions(some, others):
    versions = [
        Cache("auto", policies=[Says(w) for w in words]).get_version(PARAMS) for words in (some, others)
    ]

    assert (versions[0] == versions[1]) == (some == others)


def test_one_policy_stands_for_a_list():
    assert Cache("auto", policies=Says("x")) == Cache("auto", policies=[Says("x")])
    assert isinstance(Says("x"), CachePolicy)
    assert isinstance(FunctionBodyPolicy(), CachePolicy)


def test_a_failing_policy_is_named_with_its_error():
    with pytest.raises(DefinitionError, match="made no cache version of double: no disk") as caught:
        Cache("auto", policies=Fails()).get_version(PARAMS)

    assert isinstance(caught.value.__cause__, OSError)


def test_a_policy_needs_something_to_make_a_version_of():
    with pytest.raises(DefinitionError, match=r"need VersionParameters"):
        Cache("auto").get_version()
    with pytest.raises(DefinitionError, match="needs the task's function"):
        Cache("auto").get_version(VersionParameters())


def test_a_version_that_is_no_text_is_refused():
    class Number:
        def get_version(self, salt, params):
            return 3

    with pytest.raises(TypeError, match="is a int; give text"):
        Cache("auto", policies=Number()).get_version(PARAMS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"policies": []}, "give a policy or version_override"),
        ({"version_override": ""}, "version_override='' must be one line"),
        ({"max_age": -1}, "max_age=-1 is negative"),
        ({"behavior": "sometimes"}, "is none of"),
    ],
)
def test_a_cache_that_cannot_be_is_refused(arguments, words):
    with pytest.raises(DefinitionError, match=words):
        Cache(**arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"serialize": 1},
        {"ignored_inputs": 1},
        {"ignored_inputs": ("a", 1)},
        {"salt": None},
        {"policies": "auto"},
        {"policies": FunctionBodyPolicy},
        {"max_age": True},
        {"version_override": 1},
    ],
)
def test_cache_values_of_a_wrong_type_are_refused(arguments):
    with pytest.raises(TypeError):
        Cache(**arguments)


def test_no_policy_is_needed_beside_a_version_or_when_disabled():
    assert Cache("auto", "v1", policies=[]).get_version() == "v1"
    assert Cache("disable", policies=[]).get_version() == ""


def test_one_name_stands_for_several():
    assert Cache(ignored_inputs="a").ignored_inputs == ("a",)
    assert Cache(ignored_inputs=["a", "b"]).ignored_inputs == ("a", "b")
    assert Cache(ignored_inputs={"b", "a"}).ignored_inputs == ("a", "b")


def test_a_cache_is_a_value():
    cache = Cache("auto", ignored_inputs="a", max_age=60)

    assert pickle.loads(pickle.dumps(cache)) == cache
    assert hash(cache) == hash(Cache("auto", ignored_inputs=("a",), max_age=timedelta(minutes=1)))
    assert repr(Cache()) == "Cache()"
    assert (
        repr(Cache("auto", salt="v1", policies=Says("x"))) == "Cache(salt='v1', policies=(Says(word='x'),))"
    )
