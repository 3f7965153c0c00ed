"""What a user sets about spam, at the real filter: within seconds, and for nobody else."""

from __future__ import annotations

import pytest

from keryx.admin import accounts, spam
from keryx.admin.accounts import Changes
from keryx.admin.spam import Spam
from keryx.core import errors
from tests.clients import fresh, imap, letter, subjects
from tests.running import Suite, wait_for
from tests.wire import send
from tests.world import token

Login = tuple[str, str]
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
"""Text that every filter knows for a test: Rspamd gives it a reject."""


def lands_in(suite: Suite, login: Login, sender: str = "friend@ext.test", to: str = "") -> str:
    """Send a message; return the folder where it is found."""
    subject, recipient = token(), to or login[0]
    reply = send(suite, letter(subject, From=sender, To=recipient), recipient)
    assert reply.startswith("250"), reply

    def look() -> str:
        with imap(suite, *login) as client:
            return next((name for name in ("INBOX", "Junk") if subject in subjects(client, name)), "")

    return wait_for(look, f"{subject} of {login[0]}")


def comes_to(suite: Suite, login: Login, folder: str, sender: str = "friend@ext.test", to: str = "") -> None:
    """Wait for a change to be in force: a few seconds, told by where mail lands."""
    wait_for(lambda: lands_in(suite, login, sender, to) == folder, f"mail of {sender} in {folder}", 20)


def test_who_is_blocked_lands_in_junk_and_only_there(suite: Suite) -> None:
    login, other = suite.account("blocks"), suite.account("other")
    spam.change(suite.site, login[0], Spam(block=("bad@ext.test", "@worse.test")))
    comes_to(suite, login, "Junk", "bad@ext.test")
    assert lands_in(suite, login, "any@worse.test") == "Junk"
    assert lands_in(suite, login, "good@ext.test") == "INBOX"
    assert lands_in(suite, other, "bad@ext.test") == "INBOX"
    local = login[0].partition("@")[0]
    assert lands_in(suite, login, "bad@ext.test", f"{local}+shop@example.org") == "Junk"
    spam.change(suite.site, login[0], Spam())
    comes_to(suite, login, "INBOX", "bad@ext.test")


def test_an_alias_counts_as_soon_as_it_is_one(suite: Suite) -> None:
    login, alias = suite.account("blocks"), fresh("also")
    spam.change(suite.site, login[0], Spam(block=("bad@ext.test",)))
    accounts.change(suite.site, login[0], Changes(add_aliases=(alias,)))
    comes_to(suite, login, "Junk", "bad@ext.test", alias)


def test_a_lower_threshold_files_more(suite: Suite) -> None:
    login = suite.account("strict")
    # The message's date is long past: more than one point, far from the site's six.
    assert lands_in(suite, login) == "INBOX"
    spam.change(suite.site, login[0], Spam(threshold=1))
    comes_to(suite, login, "Junk")
    spam.change(suite.site, login[0], Spam(threshold=14.9))
    comes_to(suite, login, "INBOX")


def test_who_is_allowed_comes_in_whatever_the_score(suite: Suite) -> None:
    login = suite.account("allows")
    spam.change(suite.site, login[0], Spam(threshold=1, allow=("@ext.test",)))
    comes_to(suite, login, "Junk", "any@elsewhere.test")
    comes_to(suite, login, "INBOX", "good@ext.test")


def test_what_is_refused_stays_refused(suite: Suite) -> None:
    login = suite.account("allows")
    spam.change(suite.site, login[0], Spam(threshold=1, allow=("good@ext.test",)))
    comes_to(suite, login, "Junk", "any@elsewhere.test")
    refused = letter(token(), GTUBE + "\n", From="good@ext.test", To=login[0])
    assert send(suite, refused, login[0]).startswith("554")


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (Spam(threshold=0.5), "0.5 cannot be"),
        (Spam(threshold=16), "16 cannot be"),
        (Spam(allow=("not a domain",)), "not a domain"),
        (Spam(allow=("a@ext.test",), block=("A@ext.test",)), "in both lists"),
        (Spam(block=tuple(f"a{number}@ext.test" for number in range(501))), "500 is the most"),
    ],
)
def test_what_cannot_be_is_refused(suite: Suite, wanted: Spam, sentence: str) -> None:
    with pytest.raises(errors.BadInput, match=sentence):
        spam.change(suite.site, "admin@example.org", wanted)


def test_lists_are_kept_normalised(suite: Suite) -> None:
    login = suite.account("kept")
    spam.change(suite.site, login[0], Spam(5.5, ("Friend@EXT.test", "Ext.Test"), ("@bad.test",)))
    assert spam.show(suite.site, login[0]) == Spam(5.5, ("@ext.test", "friend@ext.test"), ("@bad.test",))
