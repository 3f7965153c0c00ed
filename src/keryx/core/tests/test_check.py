import logging

import pytest

from keryx.core import check, errors
from keryx.core.check import Check, Finding, Status


def broken() -> Finding:
    raise ZeroDivisionError("oops")


def away() -> Finding:
    raise errors.Unreachable("It is away.", remedy="Wait.")


def refused() -> Finding:
    raise ConnectionRefusedError(111, "Connection refused")


def test_each_check_is_made_whatever_became_of_the_one_before(caplog: pytest.LogCaptureFixture) -> None:
    probes = (broken, away, refused, lambda: check.ok("Well."))
    made = list(check.run(Check(str(number), "a check", probe) for number, probe in enumerate(probes)))
    assert [result.status for result in made] == [Status.FAILED] * 3 + [Status.OK]
    assert "oops" in made[0].sentence
    assert (made[1].sentence, made[1].remedy) == ("It is away.", "Wait.")
    assert "Connection refused" in made[2].sentence
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
