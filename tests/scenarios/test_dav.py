"""Calendars and contacts with programs nobody here wrote: the PyPI libraries caldav and vobject."""

from __future__ import annotations

import datetime
import re
import uuid
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import vobject  # type: ignore[import-untyped]
from caldav.collection import Calendar
from caldav.davclient import DAVClient
from caldav.lib.error import DAVError

from tests import clients, sogo
from tests.running import Suite

# The certificate is for mail.example.org, and the library connects to an address.
pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS request", "ignore::DeprecationWarning")

Login = tuple[str, str]
TODAY = datetime.datetime.now(datetime.UTC)
NOON = TODAY.replace(hour=12, minute=0, second=0, microsecond=0) + datetime.timedelta(days=2)
"""In the week for which SOGo tells who is busy."""
HOUR = datetime.timedelta(hours=1)
DAV = "{DAV:}"
XML = {"Content-Type": "text/xml; charset=utf-8"}


@pytest.fixture
def alice(suite: Suite) -> Login:
    return suite.account("dav-alice")


@pytest.fixture
def bob(suite: Suite) -> Login:
    return suite.account("dav-bob")


OPENED: list[DAVClient] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


def program(suite: Suite, login: Login, path: str = "") -> Any:
    """Return a calendar program that was told an address and a password; it is closed with the test."""
    port = suite.port("https")
    client = DAVClient(
        url=f"https://127.0.0.1:{port}/SOGo/dav/{path}",
        username=login[0],
        password=login[1],
        ssl_verify_cert=False,
        enable_rfc6764=False,
        headers={"Host": f"mail.example.org:{port}"},
    )
    OPENED.append(client)
    return client


@pytest.fixture
def http(suite: Suite) -> Iterator[httpx.Client]:
    with sogo.program(suite) as http:
        yield http


def summaries(calendar: Any) -> list[str]:
    return sorted(str(event.vobject_instance.vevent.summary.value) for event in calendar.get_events())


def test_a_program_finds_the_calendars_from_the_address_alone(suite: Suite, alice: Login) -> None:
    principal = program(suite, alice).principal()
    assert principal.url.path.rstrip("/").endswith(alice[0].replace("@", "%40")) or alice[0] in str(
        principal.url
    )
    (personal,) = principal.get_calendars()
    assert personal.url.path.endswith("/Calendar/personal/")
    assert f"mailto:{alice[0]}" in [str(address) for address in principal.calendar_user_address_set()]


def test_the_well_known_addresses_lead_there(http: httpx.Client) -> None:
    for name in ("caldav", "carddav"):
        answer = http.get(f"/.well-known/{name}")
        assert answer.status_code == 301
        assert answer.headers["location"].endswith("/SOGo/dav/")


def test_an_event_is_made_found_changed_and_removed(suite: Suite, alice: Login) -> None:
    calendar = program(suite, alice).principal().make_calendar(name="Team Grün")
    event = calendar.add_event(dtstart=NOON, dtend=NOON + HOUR, summary="Besprechung über Äpfel")
    assert summaries(calendar) == ["Besprechung über Äpfel"]
    found = calendar.search(start=NOON - HOUR, end=NOON + HOUR, event=True)
    assert [item.url for item in found] == [event.url]
    assert calendar.search(start=NOON + 5 * HOUR, end=NOON + 6 * HOUR, event=True) == []
    event.vobject_instance.vevent.summary.value = "Birnen"
    event.save()
    assert summaries(calendar) == ["Birnen"]
    event.delete()
    assert summaries(calendar) == []
    calendar.delete()
    names = [found.get_display_name() for found in program(suite, alice).principal().get_calendars()]
    assert "Team Grün" not in names


def test_a_repeated_event_is_expanded(suite: Suite, alice: Login) -> None:
    (calendar,) = program(suite, alice).principal().get_calendars()
    calendar.add_event(dtstart=NOON, dtend=NOON + HOUR, summary="daily", rrule={"FREQ": "DAILY", "COUNT": 5})
    found = calendar.search(start=NOON, end=NOON + datetime.timedelta(days=3), event=True, expand=True)
    assert len(found) == 3


def test_a_shared_calendar_is_read_by_whom_it_is_shared_with(suite: Suite, alice: Login, bob: Login) -> None:
    (calendar,) = program(suite, alice).principal().get_calendars()
    calendar.add_event(dtstart=NOON, dtend=NOON + HOUR, summary="for both")
    theirs = f"{alice[0]}/Calendar/personal/"
    foreign = program(suite, bob, theirs)
    assert _titles(foreign, theirs) == []
    rights = {"Public": "Viewer", "Private": "None", "Confidential": "None"}
    with sogo.signed_in(suite, *alice) as pages:
        pages.post("Calendar/personal/saveUserRights", [{"uid": bob[0], "rights": rights}])
    assert _titles(foreign, theirs) == ["for both"]
    with pytest.raises(DAVError):
        Calendar(foreign, foreign.url).add_event(dtstart=NOON, dtend=NOON + HOUR, summary="not his")
    with sogo.signed_in(suite, *bob) as pages:
        answer = pages.http.post(f"/SOGo/so/{alice[0]}/Calendar/personal/subscribe", headers=sogo.SCRIPT)
        assert answer.is_success
    paths = [found.url.path for found in program(suite, bob).principal().get_calendars()]
    assert any("_personal" in path for path in paths), "it is among his calendars"


def _titles(client: Any, path: str) -> list[str]:
    """Return the titles of a calendar's events; none for who may not read it."""
    try:
        return summaries(Calendar(client, client.url))
    except DAVError:
        return []


def test_when_somebody_is_busy_is_told_and_nothing_more(suite: Suite, alice: Login, bob: Login) -> None:
    (calendar,) = program(suite, bob).principal().get_calendars()
    calendar.add_event(dtstart=NOON, dtend=NOON + HOUR, summary="private matter")
    # "Any authenticated user" may see date and time: the owner says so.
    seen = dict.fromkeys(("Public", "Private", "Confidential"), "DAndTViewer")
    with sogo.signed_in(suite, *bob) as pages:
        pages.post("Calendar/personal/saveUserRights", [{"uid": "<default>", "rights": seen}])
    principal = program(suite, alice).principal()
    said = principal.freebusy_request(NOON - 2 * HOUR, NOON + 4 * HOUR, [f"mailto:{bob[0]}"])
    text = str({key: getattr(value, "data", value) for key, value in said.items()})
    assert re.search(rf"FREEBUSY[^:]*:{NOON:%Y%m%dT%H%M%SZ}/{NOON + HOUR:%Y%m%dT%H%M%SZ}", text), text
    assert "private matter" not in text


def test_an_invitation_arrives_in_calendar_and_mail(suite: Suite, alice: Login, bob: Login) -> None:
    (calendar,) = program(suite, alice).principal().get_calendars()
    # Somebody who has been here before: that makes the first calendar.
    (his,) = program(suite, bob).principal().get_calendars()
    title = clients.fresh("Invitation")
    text = _invitation(title, alice[0], bob[0])
    calendar.add_event(text)
    assert summaries(his) == [title]
    with clients.imap(suite, *bob) as client:
        assert any(title in str(message) for message in clients.messages(client))


def _invitation(title: str, organizer: str, attendee: str) -> str:
    calendar = vobject.iCalendar()
    event = calendar.add("vevent")
    event.add("uid").value = str(uuid.uuid4())
    event.add("summary").value = title
    event.add("dtstart").value = NOON.replace(tzinfo=vobject.icalendar.utc)
    event.add("dtend").value = (NOON + HOUR).replace(tzinfo=vobject.icalendar.utc)
    event.add("organizer").value = f"mailto:{organizer}"
    guest = event.add("attendee")
    guest.value = f"mailto:{attendee}"
    guest.params.update({"PARTSTAT": ["NEEDS-ACTION"], "RSVP": ["TRUE"], "ROLE": ["REQ-PARTICIPANT"]})
    return str(calendar.serialize())


def test_a_contact_is_made_and_read(suite: Suite, alice: Login, http: httpx.Client) -> None:
    card = vobject.vCard()
    card.add("uid").value = str(uuid.uuid4())
    card.add("fn").value = "Trillian Müller"
    card.add("n").value = vobject.vcard.Name(family="Müller", given="Trillian")
    card.add("email").value = "trillian@example.net"
    folder = f"/SOGo/dav/{alice[0]}/Contacts/personal/"
    made = http.put(
        f"{folder}t.vcf",
        auth=alice,
        content=card.serialize().encode(),
        headers={"Content-Type": "text/vcard", "If-None-Match": "*"},
    )
    assert made.status_code == 201, made.text
    read = vobject.readOne(http.get(f"{folder}t.vcf", auth=alice).text)
    assert (read.fn.value, read.email.value) == ("Trillian Müller", "trillian@example.net")
    query = (
        '<C:addressbook-query xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><prop><getetag/>'
        '<C:address-data/></prop><C:filter><C:prop-filter name="mail"><C:text-match>trillian</C:text-match>'
        "</C:prop-filter></C:filter></C:addressbook-query>"
    )
    answer = http.request("REPORT", folder, auth=alice, content=query, headers={"Depth": "1", **XML})
    assert answer.status_code == 207
    assert "trillian@example.net" in answer.text


def test_the_common_address_book_is_one_of_the_address_books(
    suite: Suite, alice: Login, bob: Login, http: httpx.Client
) -> None:
    home = f"/SOGo/dav/{alice[0]}/Contacts/"
    answer = http.request(
        "PROPFIND", home, auth=alice, headers={"Depth": "1", **XML}, content=_propfind("displayname")
    )
    names = {item.text for item in ElementTree.fromstring(answer.content).iter(f"{DAV}displayname")}
    assert "Directory" in names
    card = vobject.readOne(http.get(f"{home}directory/{bob[0]}", auth=alice).text)
    assert card.email.value == bob[0]


def _propfind(name: str) -> str:
    return f'<propfind xmlns="DAV:"><prop><{name}/></prop></propfind>'


def test_only_who_knows_the_password_of_an_active_account_gets_in(
    suite: Suite, alice: Login, bob: Login, http: httpx.Client
) -> None:
    path = f"/SOGo/dav/{alice[0]}/"
    ask = {"Depth": "0", **XML}
    assert http.request("PROPFIND", path, headers=ask, auth=alice).status_code == 207
    assert http.request("PROPFIND", path, headers=ask).status_code == 401
    assert http.request("PROPFIND", path, headers=ask, auth=(alice[0], "wrong")).status_code == 401
    theirs = http.request("PROPFIND", f"{path}Contacts/personal/", headers={"Depth": "1", **XML}, auth=bob)
    assert theirs.status_code in (401, 403, 404)
    suite.keryx("user", "set", alice[0], "--inactive")
    assert http.request("PROPFIND", path, headers=ask, auth=alice).status_code == 401
