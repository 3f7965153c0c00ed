"""What an administrator changes about an account takes effect at once, sessions included."""

from __future__ import annotations

import imaplib
import smtplib
import ssl

import pytest

from keryx.components.dovecot import commands
from tests.clients import submission
from tests.running import Suite

PASSWORD = "rabbit-hole-garden"


def login(suite: Suite, address: str, password: str) -> imaplib.IMAP4_SSL:
    context = ssl.create_default_context(cafile=str(suite.site.paths.tls / "ca.pem"))
    context.check_hostname = False
    session = imaplib.IMAP4_SSL("127.0.0.1", suite.port("imaps"), ssl_context=context)
    try:
        session.login(address, password)
    except imaplib.IMAP4.error:
        session.shutdown()
        raise
    return session


def assert_refused(suite: Suite, address: str, password: str) -> None:
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        login(suite, address, password)


def assert_ended(session: imaplib.IMAP4_SSL) -> None:
    with pytest.raises((imaplib.IMAP4.abort, OSError)):
        session.noop()
    session.shutdown()


def test_an_account_added_after_a_failed_login_logs_in(suite: Suite) -> None:
    assert_refused(suite, "early@example.org", PASSWORD)
    suite.keryx("user", "add", "early@example.org", "--password-stdin", input=PASSWORD + "\n")
    login(suite, "early@example.org", PASSWORD).logout()


def test_a_new_password_ends_the_sessions_of_the_old_one(suite: Suite) -> None:
    address, old = suite.account()
    session = login(suite, address, old)
    suite.keryx("user", "passwd", address, "--password-stdin", input=PASSWORD + "\n")
    assert_ended(session)
    assert_refused(suite, address, old)
    login(suite, address, PASSWORD).logout()


def test_postfix_keeps_no_old_password_over_a_reload_of_dovecot(suite: Suite) -> None:
    address, old = suite.account()
    with submission(suite, address, old), submission(suite) as waiting:
        commands.reload(suite.site)
        suite.keryx("user", "passwd", address, "--password-stdin", input=PASSWORD + "\n")
        with pytest.raises(smtplib.SMTPAuthenticationError):
            waiting.login(address, old)
        waiting.login(address, PASSWORD)


def test_an_inactive_account_is_out_at_once(suite: Suite) -> None:
    address, password = suite.account()
    session = login(suite, address, password)
    suite.keryx("user", "set", address, "--inactive")
    assert_ended(session)
    assert_refused(suite, address, password)
    suite.keryx("user", "set", address, "--active")
    login(suite, address, password).logout()


def test_a_quota_below_use_is_refused_unless_forced(suite: Suite) -> None:
    address, password = suite.account()
    session = login(suite, address, password)
    for _ in range(3):
        session.append("INBOX", "", "", b"Subject: large\r\n\r\n" + b"x" * 700_000)
    session.logout()
    refused = suite.keryx("user", "set", address, "--quota", "1", check=False)
    assert refused.returncode == 2
    assert "below what" in refused.stderr
    assert suite.json("user", "show", address)["quota_mb"] != 1
    suite.keryx("user", "set", address, "--quota", "1", "--force")
    assert suite.json("user", "show", address)["quota_mb"] == 1


def test_a_removed_account_is_out_and_its_mail_stays_until_purged(suite: Suite) -> None:
    address, password = suite.account()
    session = login(suite, address, password)
    session.append("INBOX", "", "", b"Subject: kept\r\n\r\nkept\r\n")
    assert "stays on disk" in suite.keryx("user", "remove", address).stdout
    assert_ended(session)
    assert_refused(suite, address, password)
    suite.keryx("user", "add", address, "--password-stdin", input=PASSWORD + "\n")
    session = login(suite, address, PASSWORD)
    assert session.select("INBOX") == ("OK", [b"1"])
    session.logout()
    suite.keryx("user", "remove", address, "--purge-mail")
    suite.keryx("user", "add", address, "--password-stdin", input=PASSWORD + "\n")
    session = login(suite, address, PASSWORD)
    assert session.select("INBOX") == ("OK", [b"0"])
    session.logout()
