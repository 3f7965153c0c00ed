"""The message store as its users meet it: IMAP, POP3, ManageSieve, quota, sharing, Sieve."""

from __future__ import annotations

import imaplib
import poplib
import random
import re
import smtplib
import ssl
import subprocess
import time
import warnings
from pathlib import Path

import psutil
import pytest

from keryx.components.dovecot import commands
from keryx.core import network
from keryx.host.supervisor import Supervisor
from tests.clients import (
    Compressed,
    ManageSieve,
    arrives,
    everywhere,
    folders,
    fresh,
    imap,
    letter,
    lmtp,
    login_everywhere,
    messages,
    old_tls,
    pop3,
    somewhere,
    subjects,
)
from tests.running import Suite, wait_for

SPECIAL = {"Drafts", "Sent", "Junk", "Trash", "Archive"}
LINE = "x" * 70 + "\n"


def kilobytes(count: int) -> str:
    return LINE * (count * 1024 // len(LINE))


def submit(suite: Suite, login: tuple[str, str], recipient: str, subject: str) -> None:
    message = letter(subject, From=login[0], To=recipient)
    with smtplib.SMTP("127.0.0.1", suite.port("submission")) as client:
        client.starttls(context=network.unverified_tls())
        client.login(*login)
        client.send_message(message, login[0], [recipient])


def rcpt(suite: Suite, recipient: str, size: int = 0) -> tuple[int, str]:
    """Return what Postfix answers to RCPT from another server."""
    with smtplib.SMTP("127.0.0.1", suite.site.internal_smtp.port) as client:
        client.ehlo("mx.elsewhere.example")
        client.mail("friend@elsewhere.example", [f"size={size}"] if size else [])
        code, text = client.rcpt(recipient)
        return code, text.decode()


# --- IMAP ---


def test_special_folders_are_there_and_subscribed_at_the_first_login(suite: Suite) -> None:
    with imap(suite, *suite.account()) as client:
        flags = folders(client)
        assert set(flags) == SPECIAL | {"INBOX"}
        for name in SPECIAL:
            assert f"\\{name}" in flags[name].split(), "RFC 6154"
        subscribed = b" ".join(line for line in client.lsub()[1] if isinstance(line, bytes)).decode()
        assert all(f'"/" {name}' in subscribed for name in SPECIAL)


def test_folders_may_have_dots_spaces_and_foreign_letters(suite: Suite) -> None:
    with imap(suite, *suite.account()) as client:
        for name in ("Version 1.2", "a/b/c.d", "&AOQ-rger"):
            assert client.create(f'"{name}"')[0] == "OK"
        assert client.rename("a/b", "z")[0] == "OK"
        assert {"Version 1.2", "z/c.d", "&AOQ-rger"} <= set(folders(client))


def test_idle_tells_of_new_mail(suite: Suite) -> None:
    address, password = suite.account()
    with imap(suite, address, password) as client:
        client.select("INBOX")
        client.send(b"i1 IDLE\r\n")
        assert client.readline().startswith(b"+")
        assert lmtp(suite, address, letter("while idle"))[0] == 250
        client.socket().settimeout(10)
        while b"EXISTS" not in (line := client.readline()):
            assert line


def test_compress_works(suite: Suite) -> None:
    address, password = suite.account()
    lmtp(suite, address, letter("squeezed", kilobytes(50)))
    with imap(suite, address, password) as client:
        assert "COMPRESS=DEFLATE" in str(client.capability()[1])
        assert client.xatom("COMPRESS", "DEFLATE")[0] == "OK"
        deflated = Compressed(client)
        assert "1 EXISTS" in deflated.command("SELECT INBOX")
        assert LINE.strip() in deflated.command("FETCH 1 BODY.PEEK[TEXT]")


def test_imap_tells_the_quota_and_the_exact_use(suite: Suite) -> None:
    address, password = suite.account("", "--quota", "7")
    lmtp(suite, address, letter("big", kilobytes(500)))
    with imap(suite, address, password) as client:
        text = str(client.getquotaroot("INBOX"))
        found = re.search(r"STORAGE (\d+) (\d+)", text)
        assert found, text
        assert int(found[2]) == 7 * 1024
        client.select("INBOX")
        size = re.search(r"RFC822.SIZE (\d+)", str(client.fetch("1", "(RFC822.SIZE)")))
        assert size
        assert int(found[1]) == -(-int(size[1]) // 1024)


def test_full_text_search_finds_parts_of_words_in_old_and_new_messages(suite: Suite) -> None:
    address, password = suite.account()
    lmtp(suite, address, letter("first", "The walrus and the carpenter\nwere walking close at hand.\n"))
    with imap(suite, address, password) as client:
        client.select("INBOX")
        assert client.search(None, "BODY", "carpenter")[1] == [b"1"]
        assert client.search(None, "BODY", "alrus")[1] == [b"1"], "a part of a word"
        assert client.search(None, "TEXT", "oysters")[1] == [b""]
        lmtp(suite, address, letter("second", "O oysters, come and walk with us!\n"))
        client.noop()
        assert client.search(None, "TEXT", "oysters")[1] == [b"2"], "indexed at the search"
        assert client.search(None, "SUBJECT", "second")[1] == [b"2"]
        assert client.search(None, "SUBJECT", "first")[1] == [b"1"]
        # No other word of the message begins with this letter.
        lmtp(suite, address, letter("x meeting", "Noon?\n"))
        client.noop()
        assert client.search(None, "SUBJECT", '"x meeting"')[1] == [b"3"], "a word of one letter"
    # The plugin of Dovecot 2.3 is fts-xapian, that of 2.4 flatcurve.
    mailbox = commands.mailbox_path(suite.site, address)
    indexes = [*mailbox.glob("**/xapian-indexes/*"), *mailbox.glob("**/fts-flatcurve/*")]
    assert indexes, "an index is used"


def test_mbsync_fetches_everything(suite: Suite, tmp_path: Path) -> None:
    address, password = suite.account()
    for number in range(3):
        lmtp(suite, address, letter(f"message {number}"))
    secret = tmp_path / "password"
    secret.write_text(password)
    config = tmp_path / "mbsyncrc"
    config.write_text(f"""\
IMAPStore far
Host mail.example.org
Tunnel "openssl s_client -quiet -connect 127.0.0.1:{suite.port("imaps")} 2>/dev/null"
User {address}
PassCmd "cat {secret}"
AuthMechs PLAIN

MaildirStore near
Path {tmp_path}/mail/
Inbox {tmp_path}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Near
SyncState *
""")
    (tmp_path / "mail").mkdir()
    done = subprocess.run(["mbsync", "-c", config, "-a"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "mail" / "INBOX").glob("???/*"))) == 3
    assert {path.name for path in (tmp_path / "mail").iterdir()} >= SPECIAL


def test_a_shared_folder_appears_for_the_other_with_the_rights_given(suite: Suite) -> None:
    alice, bob, carol = suite.account("alice"), suite.account("bob"), suite.account("carol")
    shared = f"shared/{alice[0]}/Team"
    with imap(suite, *alice) as client:
        client.create("Team")
        client.append("Team", "", "", letter("for all").as_bytes())
        assert client.setacl("Team", bob[0], "lrs")[0] == "OK"
    with imap(suite, *bob) as client:
        assert shared in folders(client)
        assert subjects(client, shared) == ["for all"]
        assert client.append(shared, "", "", letter("no").as_bytes())[0] == "NO", "read only"
        assert client.select(f"shared/{alice[0]}/INBOX")[0] == "NO"
        rights = str(client.myrights(shared)[1])
        assert "lrs" in rights
    with imap(suite, *carol) as client:
        assert shared not in folders(client)
        assert client.select(shared)[0] == "NO"
    with imap(suite, *alice) as client:
        assert client.setacl("Team", bob[0], "lrswi")[0] == "OK"
    with imap(suite, *bob) as client:
        assert client.append(shared, "", "", letter("from bob").as_bytes())[0] == "OK"
    with imap(suite, *alice) as client:
        assert client.deleteacl("Team", bob[0])[0] == "OK"
        assert subjects(client, "Team") == ["for all", "from bob"]
    with imap(suite, *bob) as client:
        assert shared not in folders(client)


# --- POP3 ---


def test_pop3_fetches_and_deletes(suite: Suite) -> None:
    address, password = suite.account()
    lmtp(suite, address, letter("by pop"))
    context = network.unverified_tls()
    client = pop3(suite)
    client.user(address)
    client.pass_(password)
    assert client.stat()[0] == 1
    assert b"Subject: by pop" in client.retr(1)[1]
    client.dele(1)
    client.quit()
    plain = poplib.POP3("127.0.0.1", suite.port("pop3"))
    plain.stls(context=context)
    plain.user(address)
    plain.pass_(password)
    assert plain.stat()[0] == 0
    plain.quit()


# --- who may log in, and how ---


def test_an_active_account_logs_in_everywhere(suite: Suite) -> None:
    assert login_everywhere(suite, *suite.account()) == everywhere(True)


def test_an_inactive_account_logs_in_nowhere_and_receives_nothing(suite: Suite) -> None:
    alias = fresh("off-alias")
    address, password = suite.account("off", "--inactive", "--alias", alias)
    assert login_everywhere(suite, address, password) == everywhere(False)
    assert lmtp(suite, address, letter("no"))[0] == 550
    assert lmtp(suite, alias, letter("no"))[0] == 550


def test_a_send_only_account_logs_in_and_reads_what_it_sent(suite: Suite) -> None:
    assert login_everywhere(suite, *suite.account("printer", "--send-only")) == everywhere(True)


def test_an_alias_is_no_login_name(suite: Suite) -> None:
    alias = fresh("only-alias")
    _, password = suite.account("real", "--alias", alias)
    assert login_everywhere(suite, alias, password) == everywhere(False)


def test_a_login_name_is_not_a_pattern(suite: Suite) -> None:
    address, password = suite.account("starry")
    for name in ("starry*@example.org", f"x)(mail={address}", "*"):
        with pytest.raises(imaplib.IMAP4.error), imap(suite, name, password):
            pass


def test_another_password_and_a_disabled_account_take_effect_at_once(suite: Suite) -> None:
    address, password = suite.account()
    assert login_everywhere(suite, address, password) == everywhere(True), "now they are remembered"
    with imap(suite, address, password) as session:
        suite.keryx("user", "passwd", address, "--password-stdin", input="quite another horse\n")
        assert login_everywhere(suite, address, password) == everywhere(False)
        assert login_everywhere(suite, address, "quite another horse") == everywhere(True)
        with pytest.raises((imaplib.IMAP4.error, OSError)):
            session.noop()
    suite.keryx("user", "set", address, "--inactive")
    assert login_everywhere(suite, address, "quite another horse") == everywhere(False)


@pytest.mark.parametrize("name", ["imaps", "pop3s"])
def test_tls_before_1_2_is_refused(suite: Suite, name: str) -> None:
    endpoint = network.Endpoint(host="127.0.0.1", port=suite.port(name))
    context = old_tls()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with network.connect(endpoint) as stream, pytest.raises(ssl.SSLError):
        context.wrap_socket(stream)
    context.maximum_version = context.minimum_version = ssl.TLSVersion.TLSv1_2
    with network.connect(endpoint) as stream, context.wrap_socket(stream) as secured:
        assert secured.version() == "TLSv1.2"


def test_no_login_in_clear_not_even_from_this_machine(suite: Suite) -> None:
    address, password = suite.account()
    client = imaplib.IMAP4("127.0.0.1", suite.port("imap"))
    with pytest.raises(imaplib.IMAP4.error):
        client.login(address, password)
    client.starttls(ssl_context=network.unverified_tls())
    client.login(address, password)
    client.logout()
    pop = poplib.POP3("127.0.0.1", suite.port("pop3"))
    with pytest.raises(poplib.error_proto):
        pop.user(address), pop.pass_(password)
    pop.close()
    for source in ("127.0.0.1", somewhere()):
        with ManageSieve(suite, source) as sieve:
            assert not sieve.login(address, password).ok


# --- quota ---


def test_a_full_mailbox_is_refused_at_rcpt_for_each_of_its_addresses(suite: Suite) -> None:
    alias = fresh("full-alias")
    address, password = suite.account("full", "--quota", "1", "--alias", alias)
    detail = address.replace("@", "+shop@")
    for recipient in (address, detail, alias):
        assert rcpt(suite, recipient)[0] == 250
        code, text = rcpt(suite, recipient, size=2_000_000)
        assert (code, text[:5]) == (552, "5.2.2"), "larger than the mailbox"
    # What RCPT let in is delivered, though it exceeds the limit.
    assert lmtp(suite, address, letter("fills it", kilobytes(1100)))[0] == 250
    assert lmtp(suite, address, letter("let in before", kilobytes(10)))[0] == 250
    for recipient in (address, detail, alias):
        code, text = rcpt(suite, recipient)
        assert (code, text[:5]) == (552, "5.2.2"), recipient
    with imap(suite, address, password) as client:
        assert {"fills it", "let in before"} <= set(subjects(client))
        status, text_ = client.append("INBOX", "", "", letter("more").as_bytes())
        assert (status, b"OVERQUOTA" in (text_[0] or b"")) == ("NO", True)
        client.select("INBOX")
        client.store("1:*", "+FLAGS", r"\Deleted")
        client.expunge()
    assert rcpt(suite, address)[0] == 250, "room again"


def test_quota_zero_is_unlimited(suite: Suite) -> None:
    address, _ = suite.account("", "--quota", "0")
    assert rcpt(suite, address, size=40_000_000)[0] == 250
    use = commands.quota_use(suite.site, address)
    assert use is not None
    assert use.limit is None


@pytest.mark.parametrize(("size", "percent"), [(870, 80), (1000, 95)])
def test_the_owner_is_warned_when_the_mailbox_gets_full(suite: Suite, size: int, percent: int) -> None:
    address, password = suite.account("", "--quota", "1")
    lmtp(suite, address, letter("big", kilobytes(size)))
    warning = arrives(suite, (address, password), f"Your mailbox is {percent} % full")
    assert warning["Auto-Submitted"] == "auto-generated"
    assert address in warning["To"]
    with imap(suite, address, password) as client:
        assert len(subjects(client)) == 2, "one warning, not one for each limit below"


# --- Sieve ---


def test_the_filters_spam_goes_to_junk_before_the_users_script(suite: Suite) -> None:
    address, password = suite.account()
    with ManageSieve(suite) as sieve:
        sieve.starttls()
        sieve.login(address, password)
        assert sieve.activate("mine", 'require "fileinto"; fileinto "Archive";').ok
    lmtp(suite, address, letter("cheap pills", X_Spam="Yes"))
    lmtp(suite, address, letter("dear friend", X_Spam="No"))
    with imap(suite, address, password) as client:
        assert subjects(client, "Junk") == ["cheap pills"]
        assert subjects(client, "Archive") == ["dear friend"]


def test_a_users_script_files_flags_and_edits(suite: Suite) -> None:
    address, password = suite.account()
    script = """\
require ["fileinto", "imap4flags", "editheader", "body", "subaddress", "envelope", "mailbox",
         "regex", "variables", "relational", "date", "duplicate", "copy", "vacation"];
if envelope :detail "to" "shop" { addheader "X-Shop" "yes"; fileinto :create "Shop/Orders"; stop; }
if body :contains "invoice" { setflag "\\\\Flagged"; keep; stop; }
if header :regex "subject" "^list-[0-9]+$" { deleteheader "X-Track"; keep; stop; }
"""
    with ManageSieve(suite) as sieve:
        assert "STARTTLS" in sieve.greeting.text
        sieve.starttls()
        assert sieve.login(address, password).ok
        assert sieve.activate("main", script).ok
        assert '"main" ACTIVE' in sieve.command("LISTSCRIPTS").text
    lmtp(suite, address.replace("@", "+shop@"), letter("your order"))
    lmtp(suite, address, letter("pay", "the invoice is attached\n"))
    lmtp(suite, address, letter("list-7", X_Track="1"))
    with imap(suite, address, password) as client:
        assert messages(client, "Shop/Orders")[0]["X-Shop"] == "yes"
        assert subjects(client) == ["pay", "list-7"]
        assert messages(client)[1]["X-Track"] is None
        client.select("INBOX")
        assert "\\Flagged" in str(client.fetch("1", "(FLAGS)"))


def test_a_wrong_script_is_refused_with_its_line(suite: Suite) -> None:
    with ManageSieve(suite) as sieve:
        sieve.starttls()
        sieve.login(*suite.account())
        reply = sieve.activate("bad", 'require "fileinto";\nfileinto 5;\n')
        assert not reply.ok
        assert "line 2" in reply.text
        assert not sieve.activate("pipe", 'require "vnd.dovecot.pipe"; pipe "learn-spam.sh";').ok


def test_a_script_files_into_no_folder_of_another_account(suite: Suite) -> None:
    mine, other = suite.account("mine"), suite.account("other")
    with imap(suite, *other) as client:
        client.create("Private")
    with ManageSieve(suite) as sieve:
        sieve.starttls()
        sieve.login(*mine)
        assert sieve.activate("x", f'require "fileinto"; fileinto "shared/{other[0]}/Private";').ok
    assert lmtp(suite, mine[0], letter("trespass"))[0] == 250
    with imap(suite, *mine) as client:
        assert subjects(client) == ["trespass"], "kept where it belongs"
    with imap(suite, *other) as client:
        assert subjects(client, "Private") == []


def test_vacation_answers_once_through_postfix_and_signed(suite: Suite) -> None:
    away, friend = suite.account("away"), suite.account("friend")
    with ManageSieve(suite) as sieve:
        sieve.starttls()
        sieve.login(*away)
        assert sieve.activate("v", 'require "vacation"; vacation :subject "Away" "I am at sea.";').ok
    submit(suite, friend, away[0], "are you there")
    answer = arrives(suite, friend, "Away")
    assert "I am at sea." in str(answer)
    assert answer["Auto-Submitted"].startswith("auto-replied")
    assert f"d={suite.domain}" in answer["DKIM-Signature"]
    submit(suite, friend, away[0], "and now")
    arrives(suite, away, "and now")
    with imap(suite, *friend) as client:
        assert subjects(client) == ["Away"]


def test_a_script_redirects_through_postfix(suite: Suite) -> None:
    moved, target, friend = suite.account("moved"), suite.account("target"), suite.account("friend")
    with ManageSieve(suite) as sieve:
        sieve.starttls()
        sieve.login(*moved)
        assert sieve.activate("r", f'redirect "{target[0]}";').ok
    submit(suite, friend, moved[0], "follow me")
    arrives(suite, target, "follow me")
    with imap(suite, *moved) as client:
        assert subjects(client) == []


def test_what_a_script_sends_on_is_not_signed_as_if_we_had_written_it(suite: Suite) -> None:
    moved, target = suite.account("moved"), suite.account("target")
    with ManageSieve(suite) as sieve:
        sieve.starttls()
        sieve.login(*moved)
        assert sieve.activate("r", f'redirect "{target[0]}";').ok
    forged = letter("please pay", From=f"Chief <chief@{suite.domain}>")
    assert lmtp(suite, moved[0], forged)[0] == 250
    came = arrives(suite, target, "please pay")
    assert "DKIM-Signature" not in came
    assert "ARC-Seal" in came


# --- Junk teaches the filter ---


def learnt(suite: Suite) -> dict[str, int]:
    """Return how many messages the filter has learnt: the counters in its memory."""
    argv = ["redis-cli", "-s", str(suite.site.redis.path), "HMGET", "RS", "learns_spam", "learns_ham"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=True)
    spam, ham = (int(line or 0) for line in done.stdout.splitlines())
    return {"spam": spam, "ham": ham}


def prose() -> str:
    """Return a text like no other: the filter learns none twice, and numbers do not tell texts apart."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return " ".join("".join(random.choices(letters, k=7)) for _ in range(40)) + "\n"


@pytest.mark.parametrize("how", ["move", "copy", "append"])
def test_a_message_put_into_junk_is_learnt_as_spam(suite: Suite, how: str) -> None:
    address, password = suite.account()
    before = learnt(suite)["spam"]
    message = letter(f"spam {address} {how}", prose())
    with imap(suite, address, password) as client:
        if how == "append":
            assert client.append("Junk", "", "", message.as_bytes())[0] == "OK"
        else:
            lmtp(suite, address, message)
            client.select("INBOX")
            assert client.uid(how.upper(), "1", "Junk")[0] == "OK"
    wait_for(lambda: learnt(suite)["spam"] == before + 1, "the filter to have learnt one more spam")


def test_a_message_taken_out_of_junk_is_learnt_as_ham_unless_thrown_away(suite: Suite) -> None:
    address, password = suite.account()
    for number in range(2):
        lmtp(suite, address, letter(f"good {number}", prose(), X_Spam="Yes"))
    before = learnt(suite)["ham"]
    with imap(suite, address, password) as client:
        client.select("Junk")
        assert client.uid("MOVE", "1", "Trash")[0] == "OK"
        assert learnt(suite)["ham"] == before
        assert client.uid("MOVE", "2", "INBOX")[0] == "OK"
    wait_for(lambda: learnt(suite)["ham"] == before + 1, "the filter to have learnt one more ham")


def test_junk_works_while_the_filter_is_down(suite: Suite) -> None:
    address, password = suite.account()
    lmtp(suite, address, letter("moves anyway"))
    Supervisor(suite.site).stop_component("rspamd")
    try:
        with imap(suite, address, password) as client:
            client.select("INBOX")
            started = time.monotonic()
            assert client.uid("MOVE", "1", "Junk")[0] == "OK"
            assert time.monotonic() - started < 5
            assert subjects(client, "Junk") == ["moves anyway"]
    finally:
        suite.up()


# --- what the administrator's commands rest on ---


def at_work_for(address: str) -> bool:
    """Whether a command runs for an account."""
    found = psutil.process_iter(["cmdline"])
    return any(address in (process.info["cmdline"] or ()) for process in found)


def test_a_removed_mailbox_is_gone_for_good(suite: Suite) -> None:
    address, password = suite.account()
    lmtp(suite, address, letter("old secret"))
    assert commands.search(suite.site, address, "subject", "old secret")
    # A new account's folders are made behind its first message.
    archive = commands.mailbox_path(suite.site, address) / "Maildir/Archive"
    wait_for(lambda: archive.is_dir() and not at_work_for(address), "its folders are made")
    assert commands.purge(suite.site, address)
    assert not commands.mailbox_path(suite.site, address).exists()
    assert not commands.purge(suite.site, address)
    with imap(suite, address, password) as client:
        assert subjects(client) == []


def test_commands_find_an_account_by_any_address_and_say_when_there_is_none(suite: Suite) -> None:
    alias = fresh("found-alias")
    address, _ = suite.account("found", "--alias", alias, "--quota", "9")
    assert commands.exists(suite.site, alias)
    assert not commands.exists(suite.site, "nobody-at-all@example.org")
    use = commands.quota_use(suite.site, address)
    assert use is not None
    assert use.limit == 9
    assert commands.quota_use(suite.site, "nobody-at-all@example.org") is None
