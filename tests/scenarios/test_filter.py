"""The filter in the whole suite: what a sender and a recipient see of it."""

from __future__ import annotations

import email
import email.message
import imaplib
import smtplib
import ssl
import uuid

import pytest

from keryx.admin import dkim as keys
from keryx.admin.mail_loop import verify_signatures
from keryx.core.network import unverified_tls
from tests.running import Suite, wait_for

GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


def compose(sender: str, recipient: str, text: str = "Shall we meet at noon?") -> email.message.EmailMessage:
    mail = email.message.EmailMessage()
    mail["From"] = sender
    mail["To"] = recipient
    mail["Subject"] = f"A meeting {uuid.uuid4()}"
    mail["Date"] = "Sun, 22 Nov 2026 06:00:00 +0000"
    mail["Message-ID"] = f"<{uuid.uuid4()}@remote.example>"
    mail.set_content(text)
    return mail


def submit(suite: Suite, login: tuple[str, str], mail: email.message.EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", suite.port("submission"), timeout=60) as client:
        client.starttls(context=unverified_tls())
        client.login(*login)
        client.sendmail(login[0], [mail["To"]], mail.as_bytes())


def hand_in(suite: Suite, mail: bytes, recipient: str) -> None:
    with smtplib.SMTP("127.0.0.1", suite.port("smtp"), timeout=60) as client:
        client.sendmail("eve@remote.example", [recipient], mail)


def fetch(suite: Suite, login: tuple[str, str], subject: str, folder: str = "INBOX") -> bytes:
    """Wait for the message in the folder and return it."""
    context: ssl.SSLContext = unverified_tls()

    def look() -> bytes | None:
        with imaplib.IMAP4_SSL("127.0.0.1", suite.port("imaps"), ssl_context=context) as client:
            client.login(*login)
            if client.select(folder)[0] != "OK":
                return None
            numbers = client.search(None, "SUBJECT", f'"{subject}"')[1][0].split()
            if not numbers:
                return None
            part = client.fetch(numbers[0].decode(), "(BODY.PEEK[])")[1][0]
            return part[1] if isinstance(part, tuple) else None

    found = wait_for(look, f'"{subject}" in {folder}', 60)
    assert found is not None
    return found


def test_mail_between_accounts_is_signed_twice_and_verifies(suite: Suite) -> None:
    alice, bob = suite.account("alice"), suite.account("bob")
    mail = compose(alice[0], bob[0])
    submit(suite, alice, mail)
    received = fetch(suite, bob, mail["Subject"])
    published = {key.record_name: key.record_text for key in keys.show(suite.site, suite.domain)}
    assert verify_signatures(received, published) == (2, 2)
    assert verify_signatures(received.replace(b"noon", b"nine"), published) == (0, 2)


def test_somebody_elses_header_from_is_refused(suite: Suite) -> None:
    alice, bob = suite.account("alice"), suite.account("bob")
    with pytest.raises(smtplib.SMTPDataError) as caught:
        submit(suite, alice, compose(bob[0], bob[0]))
    assert caught.value.smtp_code == 554
    assert "does not belong to the login" in str(caught.value.smtp_error)


def test_an_alias_and_a_super_user_may(suite: Suite) -> None:
    bob = suite.account("bob")
    wonder = f"wonder-{uuid.uuid4()}@{suite.domain}"
    for login, sender in (
        (suite.account("alice", "--alias", wonder), wonder),
        (suite.account("chief", "--super-user"), "ceo@bank.example"),
    ):
        mail = compose(sender, bob[0])
        submit(suite, login, mail)
        assert email.message_from_bytes(fetch(suite, bob, mail["Subject"]))["From"] == sender


def test_spam_is_refused_while_the_sender_listens(suite: Suite) -> None:
    alice = suite.account("alice")
    with pytest.raises(smtplib.SMTPDataError) as caught:
        hand_in(suite, compose("eve@remote.example", alice[0], GTUBE).as_bytes(), alice[0])
    assert caught.value.smtp_code == 554
    with pytest.raises(smtplib.SMTPDataError):
        submit(suite, alice, compose(alice[0], alice[0], GTUBE))


def test_what_looks_like_spam_goes_to_junk_with_one_mark(suite: Suite) -> None:
    alice = suite.account("alice")
    subject = f"offer {uuid.uuid4()}"
    mail = compose("mallory@remote.example", "somebody.else@remote.example", "Buy!")
    mail.replace_header("Subject", subject)
    # The upstream flag counts 5; recipients and sender that differ from the envelope's make it enough.
    mail["X-Spam"] = "Yes"
    hand_in(suite, mail.as_bytes(), alice[0])
    received = email.message_from_bytes(fetch(suite, alice, subject, "Junk"))
    assert received.get_all("X-Spam") == ["Yes"]


def test_ordinary_mail_carries_the_verdict_and_no_forgery(suite: Suite) -> None:
    alice = suite.account("alice")
    mail = compose("eve@remote.example", alice[0])
    mail["Authentication-Results"] = f"{suite.site.settings.host}; dkim=pass header.d=bank.example"
    mail["X-Spam-Status"] = "No, score=-99"
    hand_in(suite, mail.as_bytes(), alice[0])
    received = email.message_from_bytes(fetch(suite, alice, mail["Subject"]))
    assert len(received.get_all("Authentication-Results", [])) == 1
    assert "bank.example" not in received["Authentication-Results"]
    assert len(received.get_all("X-Spam-Status", [])) == 1
    assert "-99" not in received["X-Spam-Status"]


def test_the_keys_of_a_new_domain_are_made_shown_and_used(suite: Suite) -> None:
    domain = f"d{uuid.uuid4().hex[:8]}.example"
    suite.keryx("domain", "add", domain)
    shown = suite.json("dkim", "show", domain)
    assert [key["algorithm"] for key in shown] == ["rsa", "ed25519"]
    assert f"keryx-rsa._domainkey.{domain}. 3600 IN TXT" in suite.keryx("dkim", "show", domain).stdout
    login = suite.account("carol", domain=domain)
    mail = compose(login[0], login[0])
    submit(suite, login, mail)
    published = {key["name"]: key["text"] for key in shown}
    assert verify_signatures(fetch(suite, login, mail["Subject"]), published) == (2, 2)


def test_keys_of_an_unknown_domain_are_not_shown(suite: Suite) -> None:
    done = suite.keryx("dkim", "show", "nowhere.example", check=False)
    assert done.returncode == 2
    assert "nowhere.example has no DKIM key." in done.stderr
