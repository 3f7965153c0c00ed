"""Keryx's records on a real PostgreSQL."""

from __future__ import annotations

import datetime
import itertools
import threading

import pytest

from keryx.core import errors
from keryx.records import announcements, audit, engine, keys, preferences, removal, roles, samples, sessions
from keryx.settings.site import Site

NUMBERS = itertools.count()
HOUR = datetime.timedelta(hours=1)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def somebody(domain: str = "example.org") -> str:
    return f"person{next(NUMBERS)}@{domain}"


def token() -> str:
    return f"{next(NUMBERS):064x}"[::-1]


# --- roles ---


def test_a_role_is_given_once_and_taken_away(records: Site) -> None:
    address = somebody()
    assert roles.add(records, address, "example.org")
    assert not roles.add(records, address, "example.org")
    roles.add(records, address, "example.net")
    assert roles.of(records, address) == [
        roles.Role(address, "example.net"),
        roles.Role(address, "example.org"),
    ]
    assert roles.Role(address, "example.org") in roles.all_of(records, "example.org")
    assert roles.remove(records, address, "example.org")
    assert not roles.remove(records, address, "example.org")
    assert roles.of(records, address) == [roles.Role(address, "example.net")]


def test_the_last_administrator_of_the_site_stays(records: Site) -> None:
    first, second = somebody(), somebody()
    roles.add(records, first)
    roles.add(records, second)
    assert [role.address for role in roles.all_of(records, roles.WHOLE_SITE)] == sorted([first, second])
    roles.remove(records, first)
    with pytest.raises(errors.Refused, match=f"{second} is the last administrator"):
        roles.remove(records, second)
    assert roles.of(records, second), "nothing was removed"
    removal.forget_account(records, second)


def test_of_two_who_remove_each_other_one_stays(records: Site) -> None:
    pair = [somebody(), somebody()]
    for address in pair:
        roles.add(records, address)
    refused = []

    def remove(address: str) -> None:
        try:
            roles.remove(records, address)
        except errors.Refused:
            refused.append(address)

    threads = [threading.Thread(target=remove, args=[address]) for address in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    removal.forget_account(records, refused[0])


# --- sessions ---


def test_a_session_is_found_by_its_hash_until_it_ends(records: Site) -> None:
    address, key = somebody(), token()
    made = sessions.add(records, key, address, now() + HOUR, client_ip="192.0.2.7", user_agent="Firefox\0")
    assert made.id == key[:16]
    assert (made.address, made.client_ip, made.user_agent) == (address, "192.0.2.7", "Firefox")
    assert sessions.find(records, key) == made
    assert sessions.find(records, key[:16]) is None, "the name of a session opens nothing"
    assert not sessions.end(records, somebody(), made.id), "somebody else's"
    assert sessions.end(records, address, made.id)
    assert sessions.find(records, key) is None


def test_an_expired_session_is_none(records: Site) -> None:
    address, key = somebody(), token()
    sessions.add(records, key, address, now() - HOUR, client_ip="", user_agent="")
    assert sessions.find(records, key) is None
    assert sessions.all_of(records, address) == []
    assert sessions.forget_expired(records) >= 1


def test_a_session_that_was_seen_long_ago_is_noted_as_seen(records: Site) -> None:
    address, key = somebody(), token()
    sessions.add(records, key, address, now() + HOUR, client_ip="", user_agent="")
    with engine.connection(records) as opened:
        opened.execute("UPDATE session SET last_seen = now() - interval '1 day' WHERE id_hash = %s", [key])
    assert sessions.find(records, key)
    (session,) = sessions.all_of(records, address)
    assert now() - session.last_seen < HOUR


def test_all_sessions_but_one_end(records: Site) -> None:
    address, tokens = somebody(), [token() for _ in range(3)]
    for key in tokens:
        sessions.add(records, key, address, now() + HOUR, client_ip="", user_agent="")
    other = token()
    sessions.add(records, other, somebody(), now() + HOUR, client_ip="", user_agent="")
    assert sessions.end_all(records, address, but=tokens[1][:16]) == 2
    assert [session.id for session in sessions.all_of(records, address)] == [tokens[1][:16]]
    assert sessions.end_all(records, address) == 1
    assert sessions.find(records, other)


# --- keys ---


def make_key(site: Site, owner: str, hash: str, **changes: object) -> keys.Key:
    values = {
        "name": "backup",
        "prefix": "kx_1234",
        "role": "domain",
        "domains": ["example.org"],
        "access": "read",
        "expires": None,
        **changes,
    }
    return keys.add(site, hash, owner=owner, **values)  # type: ignore[arg-type]


def test_a_key_is_found_by_its_hash(records: Site) -> None:
    owner, hash = somebody(), token()
    made = make_key(records, owner, hash)
    assert (made.name, made.role, made.domains, made.access) == (
        "backup",
        "domain",
        ("example.org",),
        "read",
    )
    assert made.last_used is None
    assert keys.find(records, hash) == made
    (listed,) = keys.all_of(records, owner)
    assert listed.last_used is not None
    assert listed in keys.all_of(records)
    assert keys.find(records, token()) is None


def test_an_expired_key_opens_nothing_and_is_still_listed(records: Site) -> None:
    owner, hash = somebody(), token()
    made = make_key(records, owner, hash, expires=now() - HOUR)
    assert keys.find(records, hash) is None
    assert keys.all_of(records, owner) == [made]


def test_a_key_is_removed_by_its_owner_only(records: Site) -> None:
    owner, hash = somebody(), token()
    made = make_key(records, owner, hash)
    assert keys.remove(records, made.id, owner=somebody()) is None
    assert keys.remove(records, made.id, owner=owner) == made
    assert keys.find(records, hash) is None


def test_a_role_that_does_not_exist_is_refused_as_bad_input(records: Site) -> None:
    with pytest.raises(errors.BadInput, match="The records refuse this"):
        make_key(records, somebody(), token(), role="emperor")


# --- audit ---


def test_events_are_found_by_parts_and_in_pages(records: Site) -> None:
    who, domain = somebody(), f"audit{next(NUMBERS)}.test"
    for number in range(5):
        audit.add(
            records,
            who=who,
            via="session",
            from_ip="2001:db8::1",
            action="account.change",
            subject=f"user_{number}@{domain}",
            before={"quota_mb": number, "name": "a\0b"},
            after=None,
        )
    page = audit.search(records, subject=f"@{domain.upper()}", page=1, per_page=2)
    assert page.total == 5
    assert [event.subject for event in page.items] == [f"user_4@{domain}", f"user_3@{domain}"]
    last = audit.search(records, subject=domain, page=3, per_page=2)
    assert [event.subject for event in last.items] == [f"user_0@{domain}"]
    assert last.items[0].before == {"quota_mb": 0, "name": "ab"}
    assert last.items[0].after is None
    assert audit.search(records, who=who, action="change").total == 5
    assert audit.search(records, subject=f"user%{domain}").total == 0, "% is a letter like others"
    assert audit.search(records, subject=f"user-0@{domain}").total == 0, "so is what _ would match"
    assert audit.search(records, who=who, since=now() + HOUR).total == 0
    assert audit.search(records, who=who, until=now() + HOUR).total == 5


def test_an_event_is_never_changed(records: Site) -> None:
    event = audit.add(records, who="a", via="cli", from_ip="", action="x", subject="y")
    with (
        pytest.raises(errors.KeryxError, match="the audit log is never changed"),
        engine.connection(records) as opened,
    ):
        opened.execute("UPDATE audit SET who = 'b' WHERE id = %s", [event.id])


def test_old_events_are_removed(records: Site) -> None:
    event = audit.add(records, who=somebody(), via="cli", from_ip="", action="x", subject="y")
    audit.forget_before(records, event.at)
    assert audit.search(records, who=event.who).total == 1
    audit.forget_before(records, event.at + HOUR)
    assert audit.search(records, who=event.who).total == 0


# --- announcements ---


def test_announcements_show_until_they_expire(records: Site) -> None:
    over = announcements.add(records, "Over", "info", now() - HOUR)
    made = announcements.add(records, "Maintenance on Sunday", "warning", now() + HOUR)
    open_end = announcements.add(records, "Welcome", "info", None)
    assert list(announcements.current(records)) == [open_end, made]
    assert announcements.forget_expired(records) == 1
    assert announcements.remove(records, over.id) is None
    assert announcements.remove(records, made.id) == made
    assert list(announcements.current(records)) == [open_end]


# --- samples ---

MOMENT = datetime.datetime(2026, 3, 5, 12, 0, tzinfo=datetime.UTC)


def test_a_day_in_points_of_ten_minutes(records: Site) -> None:
    name = f"series{next(NUMBERS)}"
    for minutes, value in ((25 * 60, 9), (60, 1), (59, 3), (30, 7)):
        samples.add(records, {name: value}, MOMENT - datetime.timedelta(minutes=minutes))
    at = int(MOMENT.timestamp())
    assert samples.series(records, name, "day", until=MOMENT) == [
        samples.Point(at - 3600, 2.0),
        samples.Point(at - 1800, 7.0),
    ]
    assert samples.series(records, name, "day", summed=True, until=MOMENT)[0].value == 4.0
    assert [point.value for point in samples.series(records, name, "month", until=MOMENT)] == [9.0, 11 / 3]


def test_old_samples_become_one_an_hour_and_then_none(records: Site) -> None:
    count, gauge = f"count{next(NUMBERS)}", f"gauge{next(NUMBERS)}"
    old = MOMENT - datetime.timedelta(days=5)
    for minutes in (0, 10, 20):
        samples.add(records, {count: 2, gauge: minutes}, old + datetime.timedelta(minutes=minutes))
    samples.add(records, {count: 5, gauge: 5}, MOMENT - HOUR)
    samples.add(records, {count: 8, gauge: 8}, MOMENT - datetime.timedelta(days=40))
    for _ in range(2):
        samples.thin(records, summed=[count], now=MOMENT)
        query = "SELECT name, at, value FROM sample WHERE name IN (%s, %s) ORDER BY name, at"
        with engine.connection(records) as opened:
            rows = opened.execute(query, [count, gauge]).fetchall()
        assert rows == [
            (count, old, 6.0),
            (count, MOMENT - HOUR, 5.0),
            (gauge, old, 10.0),
            (gauge, MOMENT - HOUR, 5.0),
        ]


def test_a_sample_of_now(records: Site) -> None:
    name = f"series{next(NUMBERS)}"
    samples.add(records, {name: 1.5, f"{name}.other": 2})
    (point,) = samples.series(records, name, "day")
    assert point.value == 1.5


# --- preferences ---


def test_preferences_are_any_json(records: Site) -> None:
    address, other, name = somebody(), somebody(), f"filters{next(NUMBERS)}"
    assert preferences.get(records, address, name) is None
    assert preferences.get(records, address, name, []) == []
    rules = [{"name": "Bücher", "stop": True, "argument": None}]
    preferences.put(records, address, name, [{"name": "x"}])
    preferences.put(records, address, name, rules)
    preferences.put(records, other, name, 7.5)
    assert preferences.get(records, address, name) == rules
    assert preferences.of(records, address) == {name: rules}
    assert preferences.everybodys(records, name) == {address: rules, other: 7.5}
    assert preferences.remove(records, other, name)
    assert not preferences.remove(records, other, name)


def test_null_is_a_value(records: Site) -> None:
    address = somebody()
    preferences.put(records, address, "threshold", None)
    assert preferences.get(records, address, "threshold", 6) is None


# --- removal ---


def test_who_comes_after_inherits_nothing(records: Site) -> None:
    address, hash, key = somebody(), token(), token()
    roles.add(records, address, "example.org")
    sessions.add(records, hash, address, now() + HOUR, client_ip="", user_agent="")
    make_key(records, address, key)
    preferences.put(records, address, "language", "el")
    removal.forget_account(records, address)
    assert roles.of(records, address) == []
    assert sessions.find(records, hash) is None
    assert keys.find(records, key) is None
    assert preferences.of(records, address) == {}


def test_what_is_over_goes(records: Site) -> None:
    address = somebody()
    sessions.add(records, token(), address, now() - HOUR, client_ip="", user_agent="")
    sessions.add(records, token(), address, now() + HOUR, client_ip="", user_agent="")
    event = audit.add(records, who=address, via="cli", from_ip="", action="x", subject="y")
    with engine.connection(records) as opened:
        old = "INSERT INTO audit (at, who, via, action) VALUES (now() - interval '3 years', %s, 'cli', 'x')"
        opened.execute(old, [address])
    removal.tidy(records)
    with engine.connection(records) as opened:
        assert opened.execute("SELECT count(*) FROM session WHERE address = %s", [address]).fetchone() == (1,)
    assert [found.id for found in audit.search(records, who=address).items] == [event.id]


def test_a_domain_that_comes_back_has_no_administrators(records: Site) -> None:
    address, domain = somebody(), f"gone{next(NUMBERS)}.test"
    one, both, whole = token(), token(), token()
    roles.add(records, address, domain)
    make_key(records, address, one, domains=[domain])
    make_key(records, address, both, domains=[domain, "example.org"])
    make_key(records, address, whole, role="site", domains=[])
    removal.forget_domain(records, domain)
    assert roles.of(records, address) == []
    assert keys.find(records, one) is None
    kept = keys.find(records, both)
    assert kept is not None
    assert kept.domains == ("example.org",)
    assert keys.find(records, whole)
