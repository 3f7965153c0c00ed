import datetime

import pytest

from keryx.components.postfix import commands
from keryx.components.testing import site
from keryx.core import errors

LISTING = (
    '{"queue_name": "hold", "queue_id": "4jXKWw374qzJbMQ", "arrival_time": 1795330365, "message_size": 448, '
    '"forced_expire": false, "sender": "MAILER-DAEMON", "recipients": [{"address": "far@ext.test"}]}\n'
    '{"queue_name": "deferred", "queue_id": "4jXKWw2CfzzJbLW", "arrival_time": 1795330364, '
    '"message_size": 749, "forced_expire": false, '
    '"sender": "alice@example.org", "recipients": [{"address": "far@ext.test", '
    '"delay_reason": "connect to mx.ext.test[192.0.2.9]:25: Connection refused"}, '
    '{"address": "b@ext.test"}]}\n'
)


def test_the_listing_is_read_oldest_first() -> None:
    first, second = commands.parse(LISTING)
    assert first.id == "4jXKWw2CfzzJbLW"
    assert first.arrived == datetime.datetime(2026, 11, 22, 6, 52, 44, tzinfo=datetime.UTC)
    assert first.recipients[0].reason.endswith("Connection refused")
    assert first.recipients[1].reason == ""
    assert second.sender == ""
    assert second.queue == "hold"


def test_an_empty_queue_is_an_empty_list() -> None:
    assert commands.parse("") == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("postsuper: Deleted: 2 messages\n", 2),
        ("postsuper: 4jXKWw: placed on hold\npostsuper: Placed on hold: 1 message\n", 1),
        ("postsuper: Released from hold: 3 messages\n", 3),
        ("", 0),
    ],
)
def test_the_summary_of_postsuper_is_read(text: str, number: int) -> None:
    assert commands.count(text) == number


@pytest.mark.parametrize("text", ["ALL", "all", "-d", "", "a b", "../x", "abc", "ABCDEF\n", "x" * 40])
def test_what_is_no_identifier_is_refused(text: str) -> None:
    with pytest.raises(errors.BadInput):
        commands.identifier(text)
    with pytest.raises(errors.BadInput):
        commands.show_argv(site(), text)


def test_argument_lists_name_the_instance() -> None:
    assert commands.retry_argv(site(), "4jXKWw2CfzzJbLW") == [
        "/usr/sbin/postqueue",
        "-c",
        "/srv/keryx/etc/postfix",
        "-i",
        "4jXKWw2CfzzJbLW",
    ]
    assert commands.super_argv(site(), "-d")[-2:] == ["-d", "-"]
    with pytest.raises(ValueError, match="-r"):
        commands.super_argv(site(), "-r")


def test_a_queue_is_measured_without_reading_every_message() -> None:
    one = '{"queue_name": "deferred", "queue_id": "4jXKWw2CfzzJbLW", "arrival_time": 1795330364, '
    one += '"message_size": 749, "sender": "\\"arrival_time\\": 7@example.org", "recipients": []}\n'
    two = one.replace("1795330364", "1795330300")
    assert commands.measure("") == (0, None)
    count, oldest = commands.measure(one + two)
    assert count == 2
    assert oldest is not None
    assert oldest.timestamp() == 1795330300
