"""What people set for their own mail, with real messages: forwarding, vacation, rules, spam."""

from __future__ import annotations

import dataclasses
import datetime
from email.header import decode_header, make_header

import pytest

from keryx.admin import accounts, selfservice, store
from keryx.admin.accounts import Changes
from keryx.admin.sieve import Filter, Forwarding, Vacation
from keryx.components.dovecot import commands
from keryx.core import errors
from tests.clients import ManageSieve, arrives, fresh, imap, letter, lmtp, messages, subjects
from tests.running import Suite, wait_for
from tests.sink import Received, Sink
from tests.world import token

Login = tuple[str, str]
AWAY = Vacation(True, "Away till Ωmorrow", 'I am "away".\n.\nBack in ${month} \\o/', None, None, 7)


def send(suite: Suite, login: Login, subject: str, sender: str = "friend@ext.test", **headers: str) -> None:
    message = letter(subject, From=sender, To=headers.pop("To", login[0]), **headers)
    del message["Message-ID"]
    message["Message-ID"] = f"<{token()}@ext.test>"
    assert lmtp(suite, login[0], message, sender)[0] == 250


def in_folder(suite: Suite, login: Login, folder: str = "INBOX") -> list[str]:
    with imap(suite, *login) as client:
        return subjects(client, folder)


def answers(sink: Sink, count: int) -> list[Received]:
    """Return the automatic answers that came, waiting for so many of them."""

    def look() -> list[Received]:
        found = [found for found in sink.got if found.sender == ""]
        return found if len(found) >= count else []

    return wait_for(look, f"{count} answers")


class TestForwarding:
    def test_with_a_copy_kept(self, suite: Suite, sink: Sink) -> None:
        login = suite.account("forwards")
        selfservice.set_forwarding(suite.site, login[0], Forwarding(("far@ext.test",), True, True))
        send(suite, login, "both")
        came = sink.wait("both")
        assert came.recipients == ("far@ext.test",)
        # The envelope sender is ours (SRS): the target's server asks us whether we may send.
        assert came.sender.lower().startswith("srs0=")
        assert came.sender.endswith("=friend@example.org")
        assert in_folder(suite, login) == ["both"]

    def test_without_a_copy(self, suite: Suite, sink: Sink) -> None:
        login, colleague = suite.account("forwards"), suite.account("colleague")
        targets = ("far@ext.test", colleague[0])
        selfservice.set_forwarding(suite.site, login[0], Forwarding(targets, False, True))
        send(suite, login, "away with it")
        sink.wait("away with it")
        arrives(suite, colleague, "away with it")
        assert in_folder(suite, login) == []

    def test_switched_off_it_is_kept_as_entered(self, suite: Suite) -> None:
        login = suite.account("forwards")
        wanted = Forwarding(("far@ext.test",), False, True)
        selfservice.set_forwarding(suite.site, login[0], wanted)
        off = dataclasses.replace(wanted, active=False)
        selfservice.set_forwarding(suite.site, login[0], off)
        send(suite, login, "stays")
        assert in_folder(suite, login) == ["stays"]
        assert selfservice.forwarding(suite.site, login[0]) == off
        assert not (commands.mailbox_path(suite.site, login[0]) / f"sieve/{store.SCRIPT}.sieve").exists()

    def test_spam_is_filed_first(self, suite: Suite) -> None:
        login, colleague = suite.account("forwards"), suite.account("colleague")
        selfservice.set_forwarding(suite.site, login[0], Forwarding((colleague[0],), True, True))
        send(suite, login, "buy now", X_Spam="Yes")
        send(suite, login, "after it")
        arrives(suite, colleague, "after it")
        assert in_folder(suite, login, "Junk") == ["buy now"]
        assert in_folder(suite, colleague) == ["after it"]

    def test_what_leads_back_is_refused(self, suite: Suite) -> None:
        (one, _), (two, _) = suite.account("one"), suite.account("two")
        alias = fresh("alias")
        suite.keryx("alias", "add", alias, "--to", one)
        local = one.partition("@")[0]
        for target in (one, alias, f"{local}+shop@example.org"):
            with pytest.raises(errors.Refused, match="come back"):
                selfservice.set_forwarding(suite.site, one, Forwarding((target,), True, True))
        selfservice.set_forwarding(suite.site, two, Forwarding((alias,), True, True))
        with pytest.raises(errors.Refused, match=f"{two} > {alias}"):
            selfservice.set_forwarding(suite.site, one, Forwarding((two,), True, True))
        with pytest.raises(errors.NotFound, match="does not exist"):
            selfservice.set_forwarding(suite.site, one, Forwarding((fresh("nobody"),), True, True))
        many = tuple(f"far{number}@ext.test" for number in range(5))
        with pytest.raises(errors.Refused, match="no more than 4"):
            selfservice.set_forwarding(suite.site, one, Forwarding(many, True, True))
        assert selfservice.forwarding(suite.site, one) == Forwarding()

    def test_a_later_account_of_the_address_does_not_inherit_it(self, suite: Suite, sink: Sink) -> None:
        login = suite.account("leaver")
        selfservice.set_forwarding(suite.site, login[0], Forwarding(("far@ext.test",), False, True))
        accounts.remove(suite.site, login[0])
        accounts.add(suite.site, accounts.NewAccount(login[0], login[1]))
        send(suite, login, "for the new one")
        assert in_folder(suite, login) == ["for the new one"]
        assert selfservice.forwarding(suite.site, login[0]) == Forwarding()


class TestVacation:
    def test_every_sender_is_answered_once(self, suite: Suite, sink: Sink) -> None:
        login = suite.account("away")
        selfservice.set_vacation(suite.site, login[0], AWAY)
        send(suite, login, "first")
        answer = answers(sink, 1)[0]
        assert answer.recipients == ("friend@ext.test",)
        assert str(make_header(decode_header(answer.message["Subject"]))) == AWAY.subject
        text = answer.message.get_payload(decode=True)
        assert isinstance(text, bytes)
        assert text.decode().strip().splitlines() == AWAY.text.splitlines()
        assert login[0] in str(answer.message["From"])
        assert answer.message["Auto-Submitted"].startswith("auto-replied")
        send(suite, login, "second")
        send(suite, login, "other", sender="other@ext.test")
        assert [found.recipients for found in answers(sink, 2)] == [("friend@ext.test",), ("other@ext.test",)]
        assert in_folder(suite, login) == ["first", "second", "other"]

    def test_lists_bounces_and_spam_are_not_answered(self, suite: Suite, sink: Sink) -> None:
        login = suite.account("away")
        selfservice.set_vacation(suite.site, login[0], AWAY)
        send(suite, login, "list", List_Id="<garden.ext.test>", Precedence="list")
        send(suite, login, "to others", To="everybody@ext.test")
        send(suite, login, "spam", X_Spam="Yes")
        send(suite, login, "bounce", sender="")
        send(suite, login, "real", sender="real@ext.test")
        assert [found.recipients for found in answers(sink, 1)] == [("real@ext.test",)]

    def test_mail_to_an_alias_is_answered_as_soon_as_it_is_one(self, suite: Suite, sink: Sink) -> None:
        login, alias = suite.account("away"), fresh("also")
        selfservice.set_vacation(suite.site, login[0], AWAY)
        accounts.change(suite.site, login[0], Changes(add_aliases=(alias,)))
        send(suite, login, "by alias", To=alias)
        assert len(answers(sink, 1)) == 1

    def test_only_between_its_days(self, suite: Suite, sink: Sink) -> None:
        login = suite.account("away")
        today = datetime.date.today()
        day = datetime.timedelta(days=1)
        for start, end in ((today + day, None), (None, today - day), (today - 3 * day, today - day)):
            selfservice.set_vacation(suite.site, login[0], dataclasses.replace(AWAY, start=start, end=end))
            send(suite, login, "too early or too late")
        selfservice.set_vacation(
            suite.site, login[0], dataclasses.replace(AWAY, start=today - day, end=today + day)
        )
        send(suite, login, "just right", sender="right@ext.test")
        assert [found.recipients for found in answers(sink, 1)] == [("right@ext.test",)]

    @pytest.mark.parametrize(
        ("changed", "sentence"),
        [
            ({"text": " "}, "no text"),
            ({"days": 0}, "1 to 60 days"),
            ({"days": 61}, "1 to 60 days"),
            ({"subject": "a\nb"}, "cannot be shown"),
            ({"text": "x" * 10_001}, "10000 is the most"),
            ({"start": datetime.date(2026, 5, 2), "end": datetime.date(2026, 5, 1)}, "before it starts"),
        ],
    )
    def test_what_cannot_be_is_refused(self, suite: Suite, changed: dict[str, object], sentence: str) -> None:
        with pytest.raises(errors.BadInput, match=sentence):
            selfservice.set_vacation(
                suite.site,
                "admin@example.org",
                dataclasses.replace(AWAY, **changed),  # type: ignore[arg-type]
            )


class TestFilters:
    def test_rules_work_in_order_and_texts_are_just_texts(self, suite: Suite, sink: Sink) -> None:
        login = suite.account("rules")
        nasty = 'in "quotes" \\ ${x} */'
        rules = [
            Filter('Nasty "name" */ \\', "subject", "contains", nasty, "fileinto", "Tëst/Sub ä"),
            Filter("Mark", "from", "is", "boss@ext.test", "flag", "flagged", stop=False),
            Filter("Stars", "subject", "matches", "re*[x?]\\*", "fileinto", "Stars"),
            Filter("List", "list-id", "is", "garden.ext.test", "fileinto", "Lists/Garden"),
            Filter("Off", "subject", "contains", "letter", "discard", active=False),
            Filter("Kill", "subject", "is", "kill me", "discard"),
            Filter("On", "subject", "contains", "send on", "redirect", "far@ext.test"),
            Filter("Big", "size", "over", "40", "fileinto", "Big"),
        ]
        selfservice.set_filters(suite.site, login[0], rules)
        assert list(selfservice.filters(suite.site, login[0])) == rules
        send(suite, login, f"a letter {nasty} here")
        send(suite, login, "re: something [x!]\\ more", sender="boss@ext.test")
        send(suite, login, "letter in a list", List_Id="Garden <garden.ext.test>")
        send(suite, login, "kill me")
        send(suite, login, "please send on")
        send(suite, login, "an ordinary letter", sender="boss@ext.test")
        sink.wait("please send on")
        with imap(suite, *login) as client:
            assert subjects(client, "T&AOs-st/Sub &AOQ-") == [f"a letter {nasty} here"]
            assert subjects(client, "Stars") == ["re: something [x!]\\ more"]
            assert subjects(client, "Lists/Garden") == ["letter in a list"]
            assert subjects(client) == ["an ordinary letter"]
            flags = client.fetch("1", "(FLAGS)")[1][0]
            assert isinstance(flags, bytes)
            assert b"\\Flagged" in flags

    def test_the_users_own_script_stays_in_force(self, suite: Suite) -> None:
        login = suite.account("own")
        with ManageSieve(suite) as sieve:
            sieve.starttls()
            assert sieve.login(*login).ok
            own = 'require "fileinto"; if header :contains "subject" "own" { fileinto "Archive"; }'
            assert sieve.activate("mine", own).ok
        rule = Filter("Ours", "subject", "contains", "ours", "fileinto", "Ours")
        selfservice.set_filters(suite.site, login[0], [rule])
        for subject in ("own", "ours", "ours and own", "neither"):
            send(suite, login, subject)
        with imap(suite, *login) as client:
            assert subjects(client, "Archive") == ["own"]
            assert subjects(client, "Ours") == ["ours", "ours and own"]
            assert subjects(client) == ["neither"]

    def test_as_many_rules_as_there_may_be(self, suite: Suite) -> None:
        login = suite.account("many")
        rules = [
            Filter(f"Rule {number}", "subject", "is", f"word {number}", "flag", "seen", stop=number % 2 == 0)
            for number in range(50)
        ]
        selfservice.set_filters(suite.site, login[0], rules)
        send(suite, login, "word 49")
        with imap(suite, *login) as client:
            assert len(messages(client)) == 1
            flags = client.fetch("1", "(FLAGS)")[1][0]
            assert isinstance(flags, bytes)
            assert b"\\Seen" in flags
        with pytest.raises(errors.BadInput, match="50 is the most"):
            selfservice.set_filters(suite.site, login[0], [*rules, rules[0]])
