"""How often a password may be tried."""

from __future__ import annotations

import pytest

from keryx.admin import attempts
from keryx.admin.attempts import Attempts
from keryx.core import errors


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def fail(tried: Attempts, address: str, ip: str) -> None:
    with pytest.raises(errors.NotSignedIn), tried.attempt(address, ip):
        raise errors.NotSignedIn("no")


def test_an_address_is_refused_after_its_failures_and_says_how_long() -> None:
    clock = Clock()
    tried = Attempts(clock)
    for _ in range(attempts.PER_ACCOUNT):
        fail(tried, "alice@example.org", "192.0.2.1")
    clock.now = 100
    with pytest.raises(errors.TooManyAttempts) as refused, tried.attempt("Alice@example.org ", "192.0.2.1"):
        raise AssertionError
    assert refused.value.retry_after == attempts.SECONDS - 100 + 1
    clock.now = attempts.SECONDS
    fail(tried, "alice@example.org", "192.0.2.1")


def test_failures_elsewhere_lock_nobody_out() -> None:
    tried = Attempts(Clock())
    for _ in range(attempts.PER_ACCOUNT):
        fail(tried, "alice@example.org", "192.0.2.1")
    with tried.attempt("alice@example.org", "192.0.2.2"):
        pass
    with tried.attempt("bob@example.org", "192.0.2.1"):
        pass


def test_a_client_is_refused_after_failures_with_many_addresses() -> None:
    tried = Attempts(Clock())
    for number in range(attempts.PER_CLIENT):
        fail(tried, f"user{number}@example.org", f"2001:db8::{number:x}")
    with pytest.raises(errors.TooManyAttempts), tried.attempt("other@example.org", "2001:db8::ffff"):
        raise AssertionError
    with tried.attempt("other@example.org", "2001:db8:0:1::1"):
        pass


def test_success_forgets_and_an_outage_does_not_count() -> None:
    tried = Attempts(Clock())
    for _ in range(3 * attempts.PER_ACCOUNT):
        with pytest.raises(errors.Unreachable), tried.attempt("alice@example.org", "192.0.2.1"):
            raise errors.Unreachable("away")
    for _ in range(3):
        for _ in range(attempts.PER_ACCOUNT - 1):
            fail(tried, "alice@example.org", "192.0.2.1")
        with tried.attempt("alice@example.org", "192.0.2.1"):
            pass


def test_attempts_at_once_count_while_they_last() -> None:
    tried = Attempts(Clock())
    running = [tried.attempt("alice@example.org", "192.0.2.1") for _ in range(attempts.PER_ACCOUNT)]
    for one in running:
        one.__enter__()
    with pytest.raises(errors.TooManyAttempts), tried.attempt("alice@example.org", "192.0.2.1"):
        raise AssertionError
    for one in running:
        one.__exit__(None, None, None)


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "MOST", 10)
    tried = Attempts(Clock())
    for number in range(100):
        fail(tried, f"user{number}@example.org", f"192.0.2.{number}")
    assert len(tried._failures) == 10
