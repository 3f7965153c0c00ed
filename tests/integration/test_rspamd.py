"""The filter on real daemons: spoken to as Postfix speaks to it, with Redis, names and accounts."""

from __future__ import annotations

import base64
import os
import pwd
import signal
import stat
import string
import uuid
from collections.abc import Iterator
from email.message import EmailMessage

import dkim
import psutil
import pytest

from keryx.admin import dkim as keys
from keryx.admin import dkim_files, dkim_forms
from keryx.components.rspamd.component import Rspamd
from keryx.components.rspamd.settings import RspamdSettings
from keryx.core import errors
from keryx.core.process import run
from keryx.dns.records import text_value
from keryx.host import home as homes
from keryx.host.prepare import changed, prepare
from keryx.records.dkim_keys import Kept
from tests import milter
from tests.parts import Parts, running
from tests.running import wait_for

GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
BASE64 = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
SETTINGS = """\
domain: example.org
rspamd:
  min_learns: 2
  rate_limit: {per_hour: 5, per_day: 0, exempt: [letters@example.org, chief@example.org]}
unbound:
  offline: true
  records:
  - mail.example.org. 300 IN A 192.0.2.25
  - remote.example. 300 IN MX 10 mx.remote.example.
  - mx.remote.example. 300 IN A 198.51.100.7
  - 7.100.51.198.in-addr.arpa. 300 IN PTR mx.remote.example.
"""


def publish(parts: Parts) -> None:
    """Make the domain's keys and let the resolver answer with their records."""
    with (parts.home / "keryx.yaml").open("a") as settings:
        for key in keys.ensure(parts.site, "example.org"):
            zone = " ".join(text_value(key.record_text).strip("() ").split())
            settings.write(f"  - '{key.record_name}. 300 IN TXT {zone}'\n")
    del parts.site


@pytest.fixture(scope="module")
def parts() -> Iterator[Parts]:
    with running(SETTINGS, ["openldap", "unbound", "redis", "rspamd", "dovecot"], publish) as parts:
        parts.keryx("domain", "add", "example.org", check=False)
        parts.account("alice@example.org", "--alias", "wonder@example.org")
        parts.account("bob@example.org")
        parts.account("sender@example.org", "--send-only")
        parts.account("chief@example.org", "--super-user")
        parts.account("letters@example.org")
        yield parts


def message(sender: str = "eve@remote.example", text: str = "", **more: str) -> bytes:
    mail = EmailMessage()
    # Each its own text: greylisting remembers what it has seen.
    text = text or f"Shall we meet at noon? {uuid.uuid4()}"
    for name, value in more.items():
        mail[name.replace("_", "-")] = value
    mail["From"] = sender
    mail["To"] = "alice@example.org"
    mail["Subject"] = "A meeting"
    mail["Date"] = "Sun, 22 Nov 2026 06:00:00 +0000"
    mail["Message-ID"] = "<1@remote.example>"
    mail.set_content(text)
    return mail.as_bytes()


def scan(parts: Parts, mail: bytes, **how: object) -> milter.Verdict:
    path = parts.site.milter.path
    assert path is not None
    return milter.scan(path, mail, **how)  # type: ignore[arg-type]


def submit(parts: Parts, login: str, mail: bytes, **how: object) -> milter.Verdict:
    return scan(parts, mail, login=login, sender=login, **how)


def rspamc(parts: Parts, *arguments: str, mail: bytes = b"") -> str:
    argv = ["rspamc", "-h", str(parts.site.rspamd_controller), *arguments]
    return run(argv, input=mail.decode() if mail else None).stdout


# --- who may reach it ---


def test_only_the_mta_may_open_the_milter_and_only_the_store_the_controller(parts: Parts) -> None:
    def seen(path: object) -> tuple[int, str, str]:
        assert path is not None
        state = os.stat(str(path))
        return stat.S_IMODE(state.st_mode), pwd.getpwuid(state.st_uid).pw_name, ""

    assert seen(parts.site.milter.path)[:2] == (0o600, "postfix")
    controller = parts.site.rspamd_controller.path
    assert controller is not None
    assert seen(controller)[:2] == (0o660, "_rspamd")
    assert controller.group() == "vmail"


def test_the_filter_and_nobody_else_may_open_redis(parts: Parts) -> None:
    socket = parts.site.redis.path
    assert socket is not None
    ask = ["redis-cli", "-s", str(socket), "PING"]
    assert run(["setpriv", "--reuid=_rspamd", "--regid=_rspamd", "--clear-groups", *ask]).stdout == "PONG\n"
    other = run(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *ask], check=False)
    assert "PONG" not in other.stdout


# --- what comes in ---


def test_ordinary_mail_from_this_machine_passes_with_headers(parts: Parts) -> None:
    verdict = scan(parts, message(), client="127.0.0.1")
    assert verdict.action == "accept"
    assert verdict.headers("X-Spam-Status")[0].startswith("No, score=")
    assert verdict.headers("X-Spamd-Bar")
    assert verdict.headers("Authentication-Results")[0].startswith("mail.example.org;")
    assert verdict.headers("X-Spam") == []


def test_gtube_is_refused_from_outside_and_from_logins(parts: Parts) -> None:
    for verdict in (
        scan(parts, message(text=GTUBE)),
        scan(parts, message(text=GTUBE), client="127.0.0.1"),
        submit(parts, "alice@example.org", message("alice@example.org", GTUBE)),
    ):
        assert verdict.reply.startswith("554 5.7.1 ")


def test_a_suspicious_stranger_is_greylisted_and_a_local_client_is_not(parts: Parts) -> None:
    mail = message(X_Spam="Yes")
    assert scan(parts, mail, client="192.0.2.1").reply == ("451 4.7.1 Greylisted, try again in five minutes")
    assert scan(parts, mail, client="127.0.0.1").action == "accept"
    assert submit(parts, "bob@example.org", message("bob@example.org", X_Spam="Yes")).action == "accept"


def test_spam_is_marked_for_junk(parts: Parts) -> None:
    # The upstream flag counts 5, missing Date and Message-ID 3.5 more.
    mail = b"X-Spam: Yes\nFrom: eve@remote.example\nTo: alice@example.org\nSubject: x\n\nBuy!\n"
    verdict = scan(parts, mail, client="127.0.0.1")
    assert verdict.action == "accept"
    assert verdict.headers("X-Spam") == ["Yes"]
    assert verdict.apply(mail.replace(b"\n", b"\r\n")).lower().count(b"x-spam: yes") == 1


def test_what_a_sender_writes_in_our_name_is_removed(parts: Parts) -> None:
    forged = "mail.example.org; dkim=pass header.d=bank.example"
    mail = message(X_Spam_Status="No, score=-9", X_Spam="No", Authentication_Results=forged)
    verdict = scan(parts, mail, client="127.0.0.1")
    after = verdict.apply(mail.replace(b"\n", b"\r\n")).decode()
    assert "bank.example" not in after
    assert "score=-9" not in after
    assert "X-Spam: No" not in after


def test_what_others_verified_is_left_alone(parts: Parts) -> None:
    mail = message(Authentication_Results="relay.example; spf=pass")
    verdict = scan(parts, mail, client="127.0.0.1")
    assert "relay.example; spf=pass" in verdict.apply(mail.replace(b"\n", b"\r\n")).decode()


# --- header From of a login ---


@pytest.mark.parametrize(
    "sender",
    [
        "bob@example.org",
        "Bob <BOB@Example.ORG>",
        "bob+lists@example.org",
        '"ceo@bank.example" <bob@example.org>',
    ],
)
def test_a_login_may_write_its_own_addresses(parts: Parts, sender: str) -> None:
    run(["redis-cli", "-s", str(parts.site.redis), "FLUSHALL"])  # no rate limit in the way
    assert submit(parts, "bob@example.org", message(sender)).action == "accept"


def test_a_login_may_write_its_alias_and_a_send_only_account_itself(parts: Parts) -> None:
    assert submit(parts, "alice@example.org", message("wonder@example.org")).action == "accept"
    assert submit(parts, "sender@example.org", message("sender@example.org")).action == "accept"


@pytest.mark.parametrize(
    ("fields", "culprit"),
    [
        ("From: bob@example.org", "From address bob@example.org"),
        ("From: alice@example.org, bob@example.org", "From address bob@example.org"),
        ("From: alice@example.org\nFrom: bob@example.org", "From address bob@example.org"),
        ("From: alice@example.org\nSender: ceo@bank.example", "Sender address ceo@bank.example"),
        ("From: alice@example.org\nResent-From: bob@example.org", "Resent-From address bob@example.org"),
        ("From: wonder@bank.example", "From address wonder@bank.example"),
        ("From: alice@example.org.evil.example", "From address alice@example.org.evil.example"),
        ("From: =?utf-8?q?alice=40example=2Eorg?= <bob@example.org>", "From address bob@example.org"),
    ],
)
def test_a_login_may_not_write_others(parts: Parts, fields: str, culprit: str) -> None:
    mail = f"{fields}\nTo: x@remote.example\nSubject: hello\n\ntext\n".encode()
    verdict = submit(parts, "alice@example.org", mail)
    assert verdict.reply == f"554 5.7.1 The {culprit} does not belong to the login alice@example.org"


def test_a_from_without_an_address_is_refused(parts: Parts) -> None:
    for field in ("From: nobody in particular", "From: a\tb@example.org", "From: <>"):
        verdict = submit(parts, "alice@example.org", f"{field}\nSubject: x\n\ntext\n".encode())
        assert verdict.reply == "554 5.7.1 The From field holds no address that can be checked", field


def test_a_super_user_may_write_anything(parts: Parts) -> None:
    assert submit(parts, "chief@example.org", message("ceo@bank.example")).action == "accept"


def test_without_an_answer_about_the_address_the_message_is_deferred(parts: Parts) -> None:
    parts.stop("dovecot")
    try:
        verdict = submit(parts, "alice@example.org", message("alice@example.org"))
        assert verdict.reply == "451 4.7.1 The From address cannot be checked now, try again later"
        assert scan(parts, message(), client="127.0.0.1").action == "accept"
    finally:
        parts.start("dovecot")


# --- signatures ---


def verify_all(parts: Parts, mail: bytes) -> list[bool]:
    """Verify every DKIM signature against the records that we would publish."""
    published = {f"{key.record_name}.".encode(): key.record_text.encode() for key in keys.every(parts.site)}

    def look_up(name: bytes, timeout: int = 5) -> bytes | None:
        return published.get(name)

    count = mail.lower().count(b"\r\ndkim-signature:") + mail.lower().startswith(b"dkim-signature:")

    def good(index: int) -> bool:
        try:
            return bool(dkim.DKIM(mail).verify(index, dnsfunc=look_up))
        except dkim.ValidationError:
            return False

    return [good(index) for index in range(count)]


def test_mail_of_a_login_gets_two_signatures_that_verify(parts: Parts) -> None:
    mail = message("chief@example.org").replace(b"\n", b"\r\n")
    signed = submit(parts, "chief@example.org", mail).apply(mail)
    assert b"a=rsa-sha256" in signed
    assert b"a=ed25519-sha256" in signed
    assert verify_all(parts, signed) == [True, True]
    assert not any(verify_all(parts, signed.replace(b"noon", b"nine")))


def test_a_bounce_of_the_host_is_signed_by_the_domain(parts: Parts) -> None:
    mail = message("MAILER-DAEMON@mail.example.org").replace(b"\n", b"\r\n")
    signed = scan(parts, mail, client="127.0.0.1", sender="").apply(mail)
    assert signed.count(b"d=example.org;") == 2
    assert verify_all(parts, signed) == [True, True]


def test_a_new_domain_is_signed_at_once_and_a_removed_one_no_more(parts: Parts) -> None:
    mail = message("root@new.example").replace(b"\n", b"\r\n")

    def signatures() -> int:
        return len(submit(parts, "chief@example.org", mail).headers("DKIM-Signature"))

    assert signatures() == 0
    keys.ensure(parts.site, "new.example")
    assert signatures() == 2
    # Removed and added again: the new keys are used, not remembered ones.
    keys.remove(parts.site, "new.example")
    assert signatures() == 0
    keys.ensure(parts.site, "new.example")
    signed = submit(parts, "chief@example.org", mail).apply(mail)
    assert verify_all(parts, signed) == [True, True]


@pytest.mark.parametrize("algorithm", ["rsa", "ed25519"])
def test_a_key_brought_along_signs_for_its_domain_instead_of_ours(parts: Parts, algorithm: str) -> None:
    keys.ensure(parts.site, "moved.example")
    private = dkim_forms.new(algorithm)
    keys.bring(parts.site, "moved.example", "dkim", private)
    mail = message("root@moved.example").replace(b"\n", b"\r\n")
    verdict = submit(parts, "chief@example.org", mail)
    signatures = verdict.headers("DKIM-Signature")
    assert len(signatures) == 2
    assert [f"a={algorithm}-" in text for text in signatures if "s=dkim;" in text] == [True]
    assert verify_all(parts, verdict.apply(mail)) == [True, True]
    # Other domains sign as before; so does this one when its own key is asked for again.
    other = submit(parts, "chief@example.org", message("chief@example.org")).headers("DKIM-Signature")
    assert not [text for text in other if "s=dkim;" in text]
    made = keys.ensure(parts.site, "example.org")[0 if algorithm == "rsa" else 1].selector
    keys.use(parts.site, "moved.example", made)
    again = submit(parts, "chief@example.org", mail).headers("DKIM-Signature")
    assert [text for text in again if f"s={made};" in text]
    assert not [text for text in again if "s=dkim;" in text]
    keys.remove(parts.site, "moved.example")


def test_a_key_signs_whatever_it_begins_with(parts: Parts) -> None:
    # Rspamd guesses from a key's first character what it is given; base64 has 64 of them.
    place, selector = dkim_files.of(parts.site), parts.site.section(RspamdSettings).dkim_selectors.ed25519
    mail = message("root@first.example").replace(b"\n", b"\r\n")
    unsigned = set()
    for first in BASE64:
        place.remove("first.example", selector)
        place.add(Kept("first.example", selector, ed25519_key(first)))
        signed = submit(parts, "chief@example.org", mail).apply(mail)
        if verify_all(parts, signed) != [True]:
            unsigned.add(first)
    keys.remove(parts.site, "first.example")
    assert unsigned == set()


def ed25519_key(first: str) -> str:
    """Return an Ed25519 key as it is kept, whose text begins with that character."""
    seed = bytes([BASE64.index(first) << 2]) + os.urandom(31)
    return dkim_forms.read(base64.b64encode(seed).decode()).content


def test_mail_from_outside_is_never_signed_in_our_name(parts: Parts) -> None:
    verdict = scan(parts, message("alice@example.org"), client="192.0.2.9")
    assert verdict.headers("DKIM-Signature") == []


def test_mail_from_outside_is_sealed(parts: Parts) -> None:
    mail = message().replace(b"\n", b"\r\n")
    verdict = scan(parts, mail, client="198.51.100.7", sender="eve@remote.example")
    sealed = verdict.apply(mail)
    published = {f"{key.record_name}.".encode(): key.record_text.encode() for key in keys.every(parts.site)}

    def look_up(name: bytes, timeout: int = 5) -> bytes | None:
        return published.get(name)

    result, sets, reason = dkim.arc_verify(sealed, dnsfunc=look_up)
    assert (result, len(sets)) == (dkim.CV_Pass, 1), reason


def test_a_chain_of_seals_is_verified_and_continued(parts: Parts) -> None:
    mail = message().replace(b"\n", b"\r\n")
    sealed = scan(parts, mail, client="198.51.100.7").apply(mail)
    again = scan(parts, sealed, client="198.51.100.7")
    assert "cv=pass" in "".join(again.headers("ARC-Seal"))
    assert "arc=pass" in again.headers("Authentication-Results")[0]
    broken = scan(parts, sealed.replace(b"noon", b"nine"), client="198.51.100.7")
    assert "arc=pass" not in broken.headers("Authentication-Results")[0]


def test_signatures_of_others_are_verified(parts: Parts) -> None:
    mail = message("chief@example.org").replace(b"\n", b"\r\n")
    signed = submit(parts, "chief@example.org", mail).apply(mail)
    results = scan(parts, signed, client="198.51.100.7").headers("Authentication-Results")[0]
    assert results.count("dkim=pass") == 2
    forged = signed.replace(b"noon", b"nine")
    results = scan(parts, forged, client="198.51.100.7").headers("Authentication-Results")[0]
    assert "dkim=pass" not in results
    assert "dkim=fail" in results


# --- learning ---


def test_learning_changes_the_statistics_and_then_the_verdict(parts: Parts) -> None:
    spam = "Cheap replica watches and miracle pills delivered discreetly tomorrow morning, order now {}"
    ham = "The minutes of the budget committee are attached, please send corrections before Friday {}"
    for word in ("amber", "birch"):
        rspamc(parts, "learn_spam", mail=message(text=spam.format(f"with {word} leaves")))
        rspamc(parts, "learn_ham", mail=message(text=ham.format(f"with {word} leaves")))

    # rspamc's own count lags a minute behind; Redis knows at once.
    counts = run(["redis-cli", "-s", str(parts.site.redis), "HMGET", "RS", "learns_spam", "learns_ham"])
    assert counts.stdout.split() == ["2", "2"]
    assert "BAYES_SPAM" in rspamc(parts, "symbols", mail=message(text=spam.format("one more")))
    assert "BAYES_HAM" in rspamc(parts, "symbols", mail=message(text=ham.format("one more")))


def test_the_stores_user_may_teach_and_others_may_not(parts: Parts) -> None:
    def as_user(name: str) -> list[str]:
        return [
            "setpriv",
            f"--reuid={name}",
            f"--regid={'nogroup' if name == 'nobody' else name}",
            "--clear-groups",
        ]

    ask = ["rspamc", "-h", str(parts.site.rspamd_controller), "stat"]
    assert "Messages scanned" in run([*as_user("vmail"), *ask]).stdout
    assert "Messages scanned" not in run([*as_user("nobody"), *ask], check=False).stdout


# --- rate limit ---


def test_an_account_beyond_its_limit_is_deferred_and_others_are_not(parts: Parts) -> None:
    mail = message("bob@example.org")
    run(["redis-cli", "-s", str(parts.site.redis), "FLUSHALL"])
    three = ["a@remote.example", "b@remote.example", "c@remote.example"]
    assert submit(parts, "bob@example.org", mail, recipients=three).action == "accept"
    # A postmaster among the recipients is no way round the limit.
    too_many = [*three, "postmaster@remote.example"]
    assert submit(parts, "bob@example.org", mail, recipients=too_many).reply == (
        "451 4.7.1 This account has reached its limit of 5 recipients per hour; try again later"
    )
    assert submit(parts, "alice@example.org", message("alice@example.org")).action == "accept"
    letter = message("letters@example.org")
    for _ in range(3):
        assert submit(parts, "letters@example.org", letter, recipients=too_many).action == "accept"


# --- faults ---


def test_without_redis_mail_is_still_scanned(parts: Parts) -> None:
    parts.stop("redis")
    try:
        assert scan(parts, message(text=GTUBE)).reply.startswith("554 ")
        assert scan(parts, message(), client="127.0.0.1").action == "accept"
    finally:
        parts.start("redis")


def test_a_killed_worker_is_replaced_and_its_message_is_not_accepted(parts: Parts) -> None:
    def workers() -> list[psutil.Process]:
        children = psutil.Process(parts.pid("rspamd")).children()
        return [child for child in children if "rspamd_proxy" in " ".join(child.cmdline())]

    before = workers()
    assert before
    path = parts.site.milter.path
    assert path is not None
    session = milter.Session(path)
    session.send(b"O", b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff")
    session.receive()
    for worker in before:
        worker.kill()
    # The MTA answers a broken connection with 451.
    with pytest.raises((EOFError, ConnectionResetError)):
        session.receive()
    session.close()

    def back() -> bool:
        try:
            return scan(parts, message(), client="127.0.0.1").action == "accept"
        except (OSError, EOFError):
            return False

    wait_for(back, "new workers scan")
    assert not {worker.pid for worker in before} & {worker.pid for worker in workers()}


def test_a_reload_takes_up_settings_without_a_gap(parts: Parts) -> None:
    text = (parts.home / "keryx.yaml").read_text()
    (parts.home / "keryx.yaml").write_text(text.replace("per_hour: 5", "per_hour: 500"))
    try:
        site = homes.site(parts.home)
        files = changed(Rspamd(), site)
        assert [path.name for path in files] == ["ratelimit.conf"]
        prepare(Rspamd(), site)
        assert Rspamd().reload(site, files)
        many = [f"r{number}@remote.example" for number in range(6)]
        mail = message("bob@example.org")

        def free() -> bool:
            submit(parts, "bob@example.org", mail, recipients=many)
            return submit(parts, "bob@example.org", mail, recipients=many).action == "accept"

        wait_for(free, "the new limit holds")
    finally:
        (parts.home / "keryx.yaml").write_text(text)
        prepare(Rspamd(), homes.site(parts.home))
        assert Rspamd().reload(homes.site(parts.home), files)


def test_lines_of_the_administrators_are_taken_up(parts: Parts) -> None:
    path = parts.home / "keryx.yaml"
    before = path.read_text()
    rule = 'multimap { ours { type = "from"; map = ["eve@remote.example"]; symbol = "OURS"; score = 7.5; } }'
    try:
        path.write_text(before.replace("  min_learns: 2\n", f"  min_learns: 2\n  extra: '{rule}'\n"))
        site = homes.site(parts.home)
        files = changed(Rspamd(), site)
        assert [file.name for file in files] == ["rspamd.conf.local"]
        prepare(Rspamd(), site)
        assert Rspamd().reload(site, files)
        wait_for(
            lambda: "OURS (7.50)" in rspamc(parts, "-F", "eve@remote.example", mail=message()), "it counts"
        )
        # What we say ourselves still holds: both keys sign.
        mail = message("chief@example.org").replace(b"\n", b"\r\n")
        assert verify_all(parts, submit(parts, "chief@example.org", mail).apply(mail)) == [True, True]
    finally:
        path.write_text(before)
        prepare(Rspamd(), homes.site(parts.home))
        assert Rspamd().reload(homes.site(parts.home), files)


@pytest.mark.parametrize("line", ["multimap {", "}", 'group "a" { b = '])
def test_lines_of_the_administrators_that_it_cannot_read_change_nothing(parts: Parts, line: str) -> None:
    path = parts.home / "keryx.yaml"
    before, files = (
        path.read_text(),
        {file.path: file.path.read_text() for file in Rspamd().render(parts.site)},
    )
    try:
        path.write_text(before.replace("  min_learns: 2\n", f"  min_learns: 2\n  extra: '{line}'\n"))
        with pytest.raises(errors.CommandFailed):
            prepare(Rspamd(), homes.site(parts.home))
    finally:
        path.write_text(before)
    assert {path: path.read_text() for path in files} == files


def test_workers_of_a_killed_main_process_end_at_the_next_start() -> None:
    with running("domain: example.org\nwebmail: none\nunbound: {offline: true}\n", ["rspamd"]) as parts:
        left = psutil.Process(parts.pid("rspamd")).children()
        os.kill(parts.pid("rspamd"), signal.SIGKILL)
        parts.ended("rspamd")
        assert any(alive(worker) for worker in left)
        # The workers that are left answer as well.
        parts.start("rspamd", ready=False)
        wait_for(lambda: not any(alive(worker) for worker in left), "they are gone", 60)
        parts.wait_ready("rspamd")


def alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
