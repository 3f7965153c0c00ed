import pytest

from keryx.admin import passwords
from keryx.core import errors

ADDRESS = "alice@example.org"


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("short", "it has 5 characters, and 10 are needed"),
        ("x" * 257, "it has 257 characters, and 256 is the most"),
        ("wonder\nland-rabbit", "it has characters that cannot be typed"),
        ("alice@example.org", "it is made of common words or patterns"),
    ],
)
def test_weakness_is_told(password: str, problem: str) -> None:
    assert passwords.weakness(password, ADDRESS) == problem


@pytest.mark.parametrize("password", ["aaaaaaaaaaaa", "1234567890", "Password123!", "qwertyuiop"])
def test_what_everybody_uses_is_weak(password: str) -> None:
    assert passwords.weakness(password, ADDRESS)


@pytest.mark.parametrize(
    "password", ["wonder-land-rabbit", "correct horse battery", "w" + "x1" * 100 + "kQz"]
)
def test_what_is_hard_to_guess_is_taken(password: str) -> None:
    assert passwords.weakness(password, ADDRESS) == ""


def test_a_generated_password_is_strong() -> None:
    passwords.check(passwords.generate(), ADDRESS)


@pytest.mark.parametrize("text", ["secret", "{ROT13}abc", "{SSHA}"])
def test_an_unknown_hash_is_refused(text: str) -> None:
    with pytest.raises(errors.BadInput):
        passwords.check_hash(text)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("{ARGON2ID}$argon2id$x", "{ARGON2}$argon2id$x"),
        ("{argon2i}$argon2i$x", "{ARGON2}$argon2i$x"),
        ("{SSHA}x", "{SSHA}x"),
    ],
)
def test_dovecots_names_become_slapds(text: str, normal: str) -> None:
    assert passwords.normal_hash(text) == normal
