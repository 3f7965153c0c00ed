import pytest

from keryx.core import password


def test_a_hash_is_argon2id_salted_and_verifies() -> None:
    first, second = password.hashed("wonder-land"), password.hashed("wonder-land")
    assert first.startswith("{ARGON2}$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second
    assert password.verify("wonder-land", first)
    assert not password.verify("wonder-lane", first)


@pytest.mark.parametrize("stored", ["", "{ARGON2}", "{ARGON2}$argon2id$broken", "{SSHA}abc", "wonder-land"])
def test_what_is_no_hash_of_ours_verifies_nothing(stored: str) -> None:
    assert not password.verify("wonder-land", stored)


@pytest.mark.parametrize(
    ("text", "answer"),
    [("{SSHA}abc=", True), ("{CRYPT}$6$a$b", True), ("{SSHA}", False), ("secret", False), ("{} x", False)],
)
def test_hashes_are_told_from_passwords(text: str, answer: bool) -> None:
    assert password.is_hashed(text) is answer
