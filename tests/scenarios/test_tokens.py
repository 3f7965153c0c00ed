"""Tokens in place of passwords: for one account, for minutes, made by one key; everything else as ever."""

from __future__ import annotations

import concurrent.futures
import imaplib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import jwt
import pytest

from keryx.admin import webmail_token
from keryx.components.dovecot import commands
from keryx.core import signing
from keryx.settings.site import AUDIENCE
from tests import clients
from tests.running import Suite, wait_for


def claims(address: str, **changes: object) -> dict[str, object]:
    """Return what a good token says, in the order in which it is said."""
    now = int(time.time())
    return {"sub": address, "aud": AUDIENCE, "iat": now, "exp": now + 600, **changes}


def works(suite: Suite, address: str, password: str) -> bool:
    try:
        with clients.imap(suite, address, password):
            return True
    except imaplib.IMAP4.error:
        return False


def test_a_token_logs_in_wherever_the_password_does(suite: Suite) -> None:
    address, password = suite.account("signed-in")
    token = webmail_token.make(suite.site, address)
    assert clients.login_everywhere(suite, address, token) == clients.everywhere(True)
    assert works(suite, address.upper(), token)
    assert clients.login_everywhere(suite, address, password) == clients.everywhere(True)


def test_tokens_and_passwords_at_the_same_time_do_not_disturb_each_other(suite: Suite) -> None:
    address, password = suite.account("busy")
    key = suite.site.token_key.reveal()
    tokens = [jwt.encode(claims(address, exp=int(time.time()) + 300 + n), key, "ES256") for n in range(3)]
    offered = [password, *tokens] * 8
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda text: works(suite, address, text), offered))
    assert answers == [True] * len(offered)
    assert not works(suite, address, "not " + password), "what is remembered of tokens lets nobody else in"


def test_what_is_wrong_with_a_token_is_found(suite: Suite) -> None:
    address, _ = suite.account("holder")
    other, _ = suite.account("other")
    key = suite.site.token_key.reveal()
    public = signing.public_half(key)
    now = int(time.time())
    good = jwt.encode(claims(address), key, "ES256")
    header, payload, mark = good.split(".")
    wrong = {
        "expired": jwt.encode(claims(address, iat=now - 700, exp=now - 1), key, "ES256"),
        "of the future": jwt.encode(claims(address, iat=now + 300, exp=now + 900), key, "ES256"),
        "for another audience": jwt.encode(claims(address, aud="elsewhere"), key, "ES256"),
        "for several audiences": jwt.encode(claims(address, aud=[AUDIENCE, "elsewhere"]), key, "ES256"),
        "without an end": jwt.encode({"sub": address, "aud": AUDIENCE, "iat": now}, key, "ES256"),
        "by another key": jwt.encode(claims(address), signing.make_key().reveal(), "ES256"),
        "by nobody": jwt.encode(claims(address), "", "none"),
        "with its signature gone": f"{header}.{payload}.",
        "with a zero signature": f"{header}.{payload}.{'A' * 86}",
        "signed with the public half": _hmac(address, public),
        "of another account": jwt.encode(claims(other), key, "ES256"),
        "with other claims": f"{header}.{jwt.encode(claims(other), key, 'ES256').split('.')[1]}.{mark}",
        "that names its own key": jwt.encode(claims(address), key, "ES256", headers={"kid": "../x"}),
        "cut": good[:-4],
    }
    with concurrent.futures.ThreadPoolExecutor(len(wrong)) as pool:
        asked = {what: pool.submit(works, suite, address, token) for what, token in wrong.items()}
        taken = [what for what, answer in asked.items() if answer.result()]
    assert taken == []
    assert works(suite, address, good)


def _hmac(address: str, public: str) -> str:
    # PyJWT itself refuses to take a public key for a shared secret; an attacker would not.
    class Careless(jwt.algorithms.HMACAlgorithm):
        def prepare_key(self, key: str | bytes) -> bytes:
            return key.encode() if isinstance(key, str) else key

    careless = jwt.PyJWS()
    careless.unregister_algorithm("HS256")
    careless.register_algorithm("HS256", Careless(Careless.SHA256))
    return careless.encode(json.dumps(claims(address)).encode(), public, "HS256")


def test_an_inactive_account_is_refused_with_a_good_token_too(suite: Suite) -> None:
    address, _ = suite.account("leaving")
    token = webmail_token.make(suite.site, address)
    assert works(suite, address, token)
    suite.keryx("user", "set", address, "--inactive")
    assert clients.login_everywhere(suite, address, token) == clients.everywhere(False)
    suite.keryx("user", "remove", address, "--force")
    assert not works(suite, address, token)


def test_an_alias_is_no_login_with_a_token_either(suite: Suite) -> None:
    alias = clients.fresh("alias")
    address, _ = suite.account("owner", "--alias", alias)
    assert not works(suite, alias, webmail_token.make(suite.site, alias))
    assert works(suite, address, webmail_token.make(suite.site, address))


def test_a_token_ends(suite: Suite) -> None:
    address, _ = suite.account("brief")
    token = jwt.encode(claims(address, exp=int(time.time()) + 2), suite.site.token_key.reveal(), "ES256")
    assert works(suite, address, token)
    # What Dovecot remembers of a login lasts no longer than its cache.
    seconds = 30 + 2
    wait_for(lambda: not works(suite, address, token), "the token is no longer taken", seconds + 10)


def test_passwords_work_when_tokens_cannot_be_verified(suite: Suite) -> None:
    address, password = suite.account("unbothered")
    token = webmail_token.make(suite.site, address)
    for before, after in (
        ('require("openssl.pkey")', 'require("of.nobody")'),
        ("-----BEGIN PUBLIC KEY-----", "-----BEGIN NOTHING-----"),
    ):
        with _changed(suite, before, after):
            # While Dovecot changes over, a login may find nobody to answer it.
            wait_for(lambda: works(suite, address, password), "the password works")
            assert not works(suite, address, token)
    wait_for(lambda: works(suite, address, token), "tokens are taken again")


@contextmanager
def _changed(suite: Suite, before: str, after: str) -> Iterator[None]:
    """Break Dovecot's script for the time of a block."""
    path = suite.site.paths.etc("dovecot") / "token.lua"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    commands.reload(suite.site)
    try:
        yield
    finally:
        path.write_text(text)
        commands.reload(suite.site)


@pytest.mark.parametrize("password", ["a.b.c", "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.my.password"])
def test_a_password_may_look_like_a_token(suite: Suite, password: str) -> None:
    address, _ = suite.account("lookalike")
    chosen = f"correct horse {password}" if len(password) < 20 else password
    suite.keryx("user", "passwd", address, "--password-stdin", input=f"{chosen}\n")
    assert works(suite, address, chosen)
