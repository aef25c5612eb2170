"""``secrets``: kept in the key ring, never shown."""

import io

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError


class Ring(KeyringBackend):
    """A key ring in memory."""

    priority = 1

    def __init__(self):
        super().__init__()
        self.values = {}

    def get_password(self, service, username):
        return self.values.get((service, username))

    def set_password(self, service, username, password):
        self.values[service, username] = password

    def delete_password(self, service, username):
        if (service, username) not in self.values:
            raise PasswordDeleteError("not found")
        del self.values[service, username]


@pytest.fixture
def ring():
    before = keyring.get_keyring()
    made = Ring()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


@pytest.fixture
def typed(monkeypatch):
    def type_in(text):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    return type_in


def test_a_secret_is_kept_listed_and_forgotten(own, ring, typed):
    typed("s3cret-value\n")
    kept = own("secrets", "set", "api-key", "--group", "weather")

    assert kept.status == 0
    assert "s3cret-value" not in kept.out + kept.err
    assert ring.get_password("flyte-jupyter", "weather/api-key") == "s3cret-value"
    assert own("secrets", "ls").out == "weather/api-key\n"
    assert own("secrets", "rm", "api-key", "--group", "weather").status == 0
    assert own("secrets", "ls").out == ""


def test_an_empty_value_is_not_kept(own, ring, typed):
    typed("\n")
    result = own("secrets", "set", "api-key")

    assert result.status == 2
    assert own("secrets", "ls").out == ""


def test_forgetting_an_unknown_secret_names_the_known_ones(own, ring, typed):
    typed("value\n")
    own("secrets", "set", "api-key")

    result = own("secrets", "rm", "apikey")

    assert result.status == 1
    assert "it has api-key" in result.err


def test_a_name_that_no_secret_can_have_is_one_line(own, ring, typed):
    typed("value\n")
    result = own("secrets", "set", "names of all secrets")

    assert (result.status, result.err.count("\n")) == (1, 1)


def test_a_machine_without_a_key_ring_says_so(own, typed):
    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.fail.Keyring())
    try:
        typed("value\n")
        results = [own("secrets", "set", "api-key"), own("secrets", "ls"), own("secrets", "rm", "api-key")]
    finally:
        keyring.set_keyring(before)

    assert [result.status for result in results] == [1, 1, 1]
    assert all("no key ring" in result.err for result in results)
