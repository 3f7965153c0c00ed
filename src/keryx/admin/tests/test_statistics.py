from keryx.admin.statistics import decided
from keryx.components.rspamd.commands import Counters


def counters(
    no_action: int, greylist: int, add_header: int, rewrite: int, soft_reject: int, reject: int
) -> Counters:
    return Counters(no_action, greylist, add_header, rewrite, soft_reject, reject)


def test_what_was_decided_since_is_the_difference() -> None:
    before, now = counters(10, 5, 3, 0, 2, 1), counters(17, 9, 5, 1, 8, 4)
    assert decided(before, now) == {"accepted": 7 + 2 + 1, "rejected": 3, "spam": 3}


def test_nothing_happened() -> None:
    same = counters(10, 5, 3, 0, 2, 1)
    assert decided(same, same) == {"accepted": 0, "rejected": 0, "spam": 0}


def test_counters_that_were_reset_count_from_nothing() -> None:
    """Each by itself: after a restart one may already be above what it was."""
    before, now = counters(10, 5, 3, 0, 2, 1), counters(4, 0, 0, 0, 0, 2)
    assert decided(before, now) == {"accepted": 4, "rejected": 1, "spam": 0}
