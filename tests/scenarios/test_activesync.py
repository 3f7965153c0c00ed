"""ActiveSync as a phone speaks it, through the gateway to the workers that serve nothing else."""

from __future__ import annotations

import concurrent.futures
import contextlib
import email.policy
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from xml.etree.ElementTree import Element

import httpx
import pytest

from keryx.components import registry
from keryx.components.activesync.settings import ActivesyncSettings
from keryx.core import network
from tests import clients, sogo, wbxml
from tests.running import Suite, wait_for
from tests.wbxml import tree

PATH = "/Microsoft-Server-ActiveSync"
INBOX, CALENDAR, CONTACTS = "2", "8", "9"
"""Types of folders (MS-ASCMD, 2.2.3.186.2)."""


@dataclass
class Phone:
    """A device of somebody's."""

    http: httpx.Client
    login: tuple[str, str]
    device: str = field(default_factory=lambda: uuid.uuid4().hex)
    policy: str = "0"

    def ask(self, command: str, document: Element, timeout: float = 60) -> Element:
        """Send a command; it has to be understood."""
        answer = self.send(command, document, timeout)
        assert answer.status_code == 200, (command, answer.status_code, answer.text)
        assert answer.headers["content-type"] == "application/vnd.ms-sync.wbxml"
        return wbxml.decode(answer.content)

    def send(self, command: str, document: Element, timeout: float = 60) -> httpx.Response:
        """Send a command and return the answer as it is."""
        query = {"Cmd": command, "User": self.login[0], "DeviceId": self.device, "DeviceType": "TestPhone"}
        headers = {
            "Content-Type": "application/vnd.ms-sync.wbxml",
            "MS-ASProtocolVersion": "14.1",
            "X-MS-PolicyKey": self.policy,
        }
        content = wbxml.encode(document)
        return self.http.post(
            PATH, params=query, headers=headers, content=content, auth=self.login, timeout=timeout
        )

    def folders(self) -> dict[str, str]:
        """Return the server's names of the folders by type; the first of each."""
        said = self.ask(
            "FolderSync", tree("FolderHierarchy-FolderSync", tree("FolderHierarchy-SyncKey", "0"))
        )
        assert said.findtext("FolderHierarchy-Status") == "1"
        found: dict[str, str] = {}
        for added in said.iter("FolderHierarchy-Add"):
            kind, name = added.findtext("FolderHierarchy-Type"), added.findtext("FolderHierarchy-ServerId")
            assert kind
            assert name
            found.setdefault(kind, name)
        return found

    def sync(self, folder: str, key: str, *commands: Element) -> tuple[str, Element | None]:
        """Synchronise a folder; return the next key and what came, None for nothing new."""
        options = tree(
            "AirSync-Options",
            tree(
                "AirSyncBase-BodyPreference",
                tree("AirSyncBase-Type", "1"),
                tree("AirSyncBase-TruncationSize", "5000"),
            ),
        )
        parts = [tree("AirSync-SyncKey", key), tree("AirSync-CollectionId", folder)]
        if key != "0":
            parts += [tree("AirSync-GetChanges", "1"), tree("AirSync-WindowSize", "50"), options]
        if commands:
            parts.append(tree("AirSync-Commands", *commands))
        document = tree("AirSync-Sync", tree("AirSync-Collections", tree("AirSync-Collection", *parts)))
        answer = self.send("Sync", document)
        assert answer.status_code == 200, answer.text
        if not answer.content:
            return key, None
        said = wbxml.decode(answer.content)
        collection = said.find("AirSync-Collections/AirSync-Collection")
        assert collection is not None, answer.content
        assert collection.findtext("AirSync-Status") == "1"
        return collection.findtext("AirSync-SyncKey") or "", collection

    def first(self, folder: str) -> tuple[str, Element | None]:
        """Begin to synchronise a folder: return the key and all that is there."""
        key, _ = self.sync(folder, "0")
        return self.sync(folder, key)


@pytest.fixture
def login(suite: Suite) -> tuple[str, str]:
    return suite.account("phone")


@pytest.fixture
def phone(suite: Suite, login: tuple[str, str]) -> Iterator[Phone]:
    with sogo.program(suite) as http:
        yield Phone(http, login)


def added(collection: Element | None) -> list[Element]:
    """Return the data of items that are new."""
    if collection is None:
        return []
    return list(collection.iterfind("AirSync-Commands/AirSync-Add/AirSync-ApplicationData"))


def test_options_say_what_is_spoken_and_want_a_password(phone: Phone) -> None:
    answer = phone.http.options(PATH, auth=phone.login)
    assert answer.status_code == 200
    assert "14.1" in answer.headers["ms-asprotocolversions"]
    assert "Ping" in answer.headers["ms-asprotocolcommands"]
    assert phone.http.options(PATH).status_code == 401
    assert phone.http.options(PATH, auth=(phone.login[0], "wrong")).status_code == 401


def test_a_device_is_provisioned(phone: Phone) -> None:
    wanted = tree("Provision-PolicyType", "MS-EAS-Provisioning-WBXML")
    first = phone.ask(
        "Provision",
        tree("Provision-Provision", tree("Provision-Policies", tree("Provision-Policy", wanted))),
    )
    assert first.findtext("Provision-Status") == "1"
    policy = first.find("Provision-Policies/Provision-Policy")
    assert policy is not None
    # 2: there is no policy that the device would have to take on (MS-ASPROV, 2.2.2.54.1).
    assert policy.findtext("Provision-Status") == "2"


def test_mail_calendar_and_contacts_are_among_the_folders(phone: Phone) -> None:
    assert {INBOX, "3", "4", "5", CALENDAR, CONTACTS} <= set(phone.folders())


def test_mail_comes_to_the_phone_and_its_flags_go_back(suite: Suite, phone: Phone) -> None:
    assert clients.lmtp(suite, phone.login[0], clients.letter("Greetings", "Für dich.\n"))[0] == 250
    inbox = phone.folders()[INBOX]
    key, collection = phone.first(inbox)
    (data,) = added(collection)
    assert data.findtext("Email-Subject") == "Greetings"
    assert data.findtext("Email-Read") == "0"
    assert "Für dich." in (data.findtext("AirSyncBase-Body/AirSyncBase-Data") or "")
    assert collection is not None
    name = collection.findtext("AirSync-Commands/AirSync-Add/AirSync-ServerId")
    assert name
    read = tree("AirSync-ApplicationData", tree("Email-Read", "1"))
    key, _ = phone.sync(inbox, key, tree("AirSync-Change", tree("AirSync-ServerId", name), read))
    with clients.imap(suite, *phone.login) as client:
        client.select("INBOX", readonly=True)
        assert client.search(None, "SEEN")[1] == [b"1"]


def test_mail_is_sent_from_the_phone(suite: Suite, phone: Phone) -> None:
    friend = suite.account("phone-friend")
    subject = clients.fresh("From the train")
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = phone.login[0], friend[0], subject
    message.set_content("Late.\n")
    document = tree(
        "ComposeMail-SendMail",
        tree("ComposeMail-ClientId", uuid.uuid4().hex),
        tree("ComposeMail-SaveInSentItems"),
        tree("ComposeMail-Mime", message.as_bytes(policy=email.policy.SMTP)),
    )
    answer = phone.send("SendMail", document)
    assert (answer.status_code, answer.content) == (200, b"")
    sogo.arrives(suite, friend, subject)
    sogo.arrives(suite, phone.login, subject, "Sent")


def test_an_appointment_made_on_the_phone_is_in_the_calendar(suite: Suite, phone: Phone) -> None:
    calendar = phone.folders()[CALENDAR]
    key, _ = phone.first(calendar)
    data = tree(
        "AirSync-ApplicationData",
        tree("Calendar-AllDayEvent", "0"),
        tree("Calendar-BusyStatus", "2"),
        tree("Calendar-DtStamp", "20270301T080000Z"),
        tree("Calendar-StartTime", "20270301T120000Z"),
        tree("Calendar-EndTime", "20270301T130000Z"),
        tree("Calendar-Sensitivity", "0"),
        tree("Calendar-Subject", "Zahnärztin"),
        tree("Calendar-UID", uuid.uuid4().hex),
        tree("Calendar-MeetingStatus", "0"),
    )
    key, collection = phone.sync(calendar, key, tree("AirSync-Add", tree("AirSync-ClientId", "1"), data))
    assert collection is not None
    assert collection.findtext("AirSync-Responses/AirSync-Add/AirSync-Status") == "1"
    folder = f"/SOGo/dav/{phone.login[0]}/Calendar/personal.ics"
    assert "SUMMARY:Zahnärztin" in phone.http.get(folder, auth=phone.login).text
    other = Phone(phone.http, phone.login)
    (seen,) = added(other.first(other.folders()[CALENDAR])[1])
    assert seen.findtext("Calendar-Subject") == "Zahnärztin"
    assert seen.findtext("Calendar-StartTime") == "20270301T120000Z"


def test_a_contact_made_elsewhere_comes_to_the_phone(phone: Phone) -> None:
    lines = ("BEGIN:VCARD", "VERSION:3.0", "UID:x", "FN:Ford Prefect", "N:Prefect;Ford")
    card = "\r\n".join((*lines, "EMAIL:ford@example.net", "END:VCARD", ""))
    url = f"/SOGo/dav/{phone.login[0]}/Contacts/personal/x.vcf"
    assert phone.http.put(url, content=card, auth=phone.login).status_code == 201
    (data,) = added(phone.first(phone.folders()[CONTACTS])[1])
    assert (data.findtext("Contacts-FirstName"), data.findtext("Contacts-LastName")) == ("Ford", "Prefect")
    assert "ford@example.net" in (data.findtext("Contacts-Email1Address") or "")


def test_a_waiting_phone_is_rung_when_mail_comes(suite: Suite, phone: Phone) -> None:
    inbox = phone.folders()[INBOX]
    phone.first(inbox)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_ping, phone, inbox)
        wait_for(lambda: waiting.running(), "the phone waits")
        assert clients.lmtp(suite, phone.login[0], clients.letter("ring"))[0] == 250
        said = waiting.result(timeout=120)
    assert said.findtext("Ping-Status") == "2", "there is something new"
    assert [item.text for item in said.iter("Ping-Folder")] == [inbox]


def test_a_waiting_phone_with_no_mail_is_told_so_when_its_time_is_up(phone: Phone) -> None:
    inbox = phone.folders()[INBOX]
    phone.first(inbox)
    begun = time.monotonic()
    said = _ping(phone, inbox, seconds=10)
    assert said.findtext("Ping-Status") == "1"
    assert time.monotonic() - begun > 5


def _ping(phone: Phone, folder: str, seconds: int = 90) -> Element:
    watched = tree("Ping-Folder", tree("Ping-Id", folder), tree("Ping-Class", "Email"))
    document = tree("Ping-Ping", tree("Ping-HeartbeatInterval", str(seconds)), tree("Ping-Folders", watched))
    return phone.ask("Ping", document, timeout=seconds + 60)


def test_it_is_ready_while_phones_hold_all_workers(suite: Suite, phone: Phone) -> None:
    component, workers = registry.find("activesync"), suite.site.section(ActivesyncSettings).workers
    with contextlib.ExitStack() as phones:
        for _ in range(workers):
            phones.enter_context(network.connect(suite.site.activesync))
        component.ready(suite.site)
    component.ready(suite.site)


def test_it_is_served_by_workers_of_its_own(suite: Suite, phone: Phone) -> None:
    phone.folders()
    assert "/SOGo/Microsoft-Server-ActiveSync" in suite.log("activesync")
    assert "POST /SOGo/Microsoft-Server-ActiveSync" not in suite.log("sogo")
    # Nor by another way.
    assert phone.http.options("/SOGo/Microsoft-Server-ActiveSync", auth=phone.login).status_code == 404


def test_an_inactive_account_is_turned_away(suite: Suite, phone: Phone) -> None:
    assert phone.folders()
    suite.keryx("user", "set", phone.login[0], "--inactive")
    assert phone.http.options(PATH, auth=phone.login).status_code == 401


@pytest.mark.parametrize("header", ["x-webobjects-remote-user", "X-Keryx-User"])
def test_no_header_makes_a_phone_somebodys(phone: Phone, header: str) -> None:
    answer = phone.http.options(PATH, headers={header: phone.login[0]})
    assert answer.status_code == 401
