"""The door to root: who may knock, what can be asked for, and that every argument is looked at."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from keryx.core import privileged
from keryx.host.privileged import MODULES, PATIENCE
from tests.running import Suite, wait_for
from tests.unprivileged import as_web, python_as

ASK = """\
import socket
stream = socket.socket(socket.AF_UNIX)
stream.connect({path!r})
try:
    stream.sendall({request!r})
except BrokenPipeError:
    pass  # Refused unread; the answer is there.
print(stream.makefile().readline())
"""


def knock(suite: Suite, request: bytes, *, end: bool = False) -> dict[str, Any]:
    """Send these bytes through the door (as root, who may); return the answer."""
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(PATIENCE + 20)
        stream.connect(str(suite.site.privileged))
        try:
            stream.sendall(request)
            if end:
                stream.shutdown(socket.SHUT_WR)
        except BrokenPipeError:
            # It has answered and hung up before the end.
            pass
        answer: dict[str, Any] = json.loads(stream.makefile("rb").readline())
        return answer


def call(suite: Suite, name: str, **arguments: object) -> dict[str, Any]:
    """Call a function through the door."""
    return knock(suite, privileged.line({"call": name, "arguments": arguments}))


def refusal(answer: dict[str, Any], kind: str) -> str:
    assert answer["error"]["class"] == kind, answer
    return str(answer["error"]["sentence"])


def test_the_web_process_gets_in(suite: Suite) -> None:
    request = privileged.line({"call": "ping"})
    code = ASK.format(path=str(suite.site.privileged), request=request)
    assert json.loads(python_as("keryx", code)) == {"result": "pong"}


def test_another_user_cannot_open_the_socket(suite: Suite) -> None:
    code = ASK.format(path=str(suite.site.privileged), request=b"")
    for user in ("vmail", "www-data", "keryx-web"):
        with pytest.raises(AssertionError, match="PermissionError"):
            python_as(user, code, groups="nogroup")


def test_another_user_who_opens_it_all_the_same_is_refused(suite: Suite) -> None:
    """The kernel says who it is, whatever group let him near."""
    request = privileged.line({"call": "keryx.admin.queue.list_messages", "arguments": {}})
    code = ASK.format(path=str(suite.site.privileged), request=request)
    answer = json.loads(python_as("www-data", code, groups="keryx"))
    assert "may not use this door" in refusal(answer, "Forbidden")


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "keryx.core.process.run",
        "keryx.admin.accounts.add",  # a module that is not on the list
        "keryx.admin.queue.Choice",  # on the list, and not marked
        "keryx.admin.dkim._shown",
        "keryx.admin.dkim.privileged",
        "keryx.admin.queue.commands.delete",
        "keryx.admin.queue",
        "",
        "keryx.admin.queue.nothing",
    ],
)
def test_only_marked_functions_of_the_listed_modules_can_be_called(suite: Suite, name: str) -> None:
    assert "no function" in refusal(call(suite, name), "Forbidden")


def test_only_these_modules_hold_such_functions() -> None:
    """A longer list is a wider door: whoever makes it longer says so here."""
    assert list(MODULES) == [
        "keryx.admin.dkim",
        "keryx.admin.doctor",
        "keryx.admin.profile",
        "keryx.admin.queue",
        "keryx.admin.spam",
        "keryx.admin.statistics",
        "keryx.admin.store",
        "keryx.host.status",
    ]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("keryx.admin.queue.hold", {"choice": {"ids": "4jXKWw2CfzzJbLW"}}),
        ("keryx.admin.queue.hold", {"choice": {"everything": "yes"}}),
        ("keryx.admin.queue.hold", {}),
        ("keryx.admin.queue.show", {"message": ["4jXKWw2CfzzJbLW"]}),
        ("keryx.admin.queue.show", {"message": "4jXKWw2CfzzJbLW", "most": "1"}),
        ("keryx.admin.queue.show", {"message": "4jXKWw2CfzzJbLW", "site": None}),
        ("keryx.admin.store.purge", {"address": None}),
        ("keryx.admin.dkim.every", {"domain": "example.org"}),
    ],
)
def test_arguments_of_another_type_are_refused(suite: Suite, name: str, arguments: dict[str, object]) -> None:
    refusal(call(suite, name, **arguments), "BadInput")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("keryx.admin.dkim.ensure", {"domain": "../../../tmp/x.example"}),
        ("keryx.admin.dkim.ensure", {"domain": "example.org/../../x.y"}),
        ("keryx.admin.dkim.complete", {"domain": "/etc.d/x"}),
        ("keryx.admin.dkim.show", {"domain": "*.example"}),
        ("keryx.admin.dkim.remove", {"domain": "*"}),
        ("keryx.admin.store.purge", {"address": "../../../../etc@example.org"}),
        ("keryx.admin.store.purge", {"address": "a@../../.."}),
        ("keryx.admin.store.purge", {"address": "..@example.org"}),
        ("keryx.admin.store.purge", {"address": ""}),
        ("keryx.admin.store.has_mailbox", {"address": "x/../../@example.org"}),
        ("keryx.admin.store.quota_use_mb", {"address": "-A"}),
        ("keryx.admin.store.disconnect", {"address": "*@example.org"}),
        ("keryx.admin.store.disconnect", {"address": "*"}),
        ("keryx.admin.store.connections", {"address": "a?@example.org"}),
        ("keryx.admin.store.forget_at_store", {"known": ["a@example.org", "-a/tmp/socket"]}),
        ("keryx.admin.store.put_script", {"address": "a\n@example.org", "script": "keep;"}),
        ("keryx.admin.store.put_script", {"address": "a@example.org", "script": "keep;\0"}),
        ("keryx.admin.store.put_script", {"address": "a@example.org", "script": "#" * (512 * 1024 + 1)}),
        ("keryx.admin.store.put_script", {"address": "%{user}@example.org", "script": "keep;"}),
        ("keryx.admin.queue.show", {"message": "../../../etc/passwd"}),
        ("keryx.admin.queue.show", {"message": "-d"}),
        ("keryx.admin.queue.hold", {"choice": {"ids": ["ALL"]}}),
        ("keryx.admin.queue.delete", {"choice": {"ids": ["-"]}}),
        ("keryx.admin.queue.delete", {"choice": {}}),
        ("keryx.admin.queue.flush", {"choice": {}}),
    ],
)
def test_no_path_option_or_pattern_gets_through(
    suite: Suite, name: str, arguments: dict[str, object]
) -> None:
    refusal(call(suite, name, **arguments), "BadInput")


@pytest.mark.parametrize(
    "request_",
    [
        b"\n",
        b"hello\n",
        b"[]\n",
        b'"ping"\n',
        b'{"call": 7}\n',
        b'{"arguments": {}}\n',
        b'{"call": "ping", "as": "root"}\n',
        b"[" * 100_000 + b"\n",
        b"\xff\xfe\n",
    ],
)
def test_what_is_no_call_is_refused(suite: Suite, request_: bytes) -> None:
    refusal(knock(suite, request_), "BadInput")


def test_a_request_without_measure_is_refused(suite: Suite) -> None:
    request = b'{"call": "' + b"x" * (privileged.LONGEST_REQUEST + 100_000) + b'"}\n'
    assert "longer than" in refusal(knock(suite, request), "BadInput")


def test_a_request_without_end_is_refused(suite: Suite) -> None:
    assert "has no end" in refusal(knock(suite, b'{"call": "ping"', end=True), "BadInput")


def test_a_caller_who_dawdles_is_refused_and_hinders_nobody(suite: Suite) -> None:
    with socket.socket(socket.AF_UNIX) as slow:
        slow.settimeout(PATIENCE + 20)
        slow.connect(str(suite.site.privileged))
        slow.sendall(b'{"call": ')
        assert knock(suite, b'{"call": "ping"}\n') == {"result": "pong"}
        answer = json.loads(slow.makefile("rb").readline())
    assert "in time" in refusal(answer, "BadInput")


def test_calls_are_logged_without_their_secrets(suite: Suite) -> None:
    address, _ = suite.account("alice")
    marked = f"keep; # {address} confidential"
    assert call(suite, "keryx.admin.store.put_script", address=address, script=marked) == {"result": None}
    line = f'keryx.admin.store.put_script(address="{address}", script=*): done'
    wait_for(lambda: line in suite.log("privileged"), "its line in the log")
    assert "confidential" not in suite.log("privileged")


def test_nobody_writes_lines_of_his_own_into_the_log(suite: Suite) -> None:
    """What was refused is logged too, on one line whatever it says."""
    forged = "uid 0 keryx.admin.store.purge"
    call(suite, f"nothing\n2026-01-01 {forged}")
    call(suite, "keryx.admin.queue.show", message=f"x\n2026-01-01 {forged}")
    lines = suite.log("privileged").splitlines()
    assert [line for line in lines if forged in line]
    assert not [line for line in lines if line.startswith(f"2026-01-01 {forged}")]


def test_an_error_reaches_the_web_process_as_itself(suite: Suite) -> None:
    told = as_web(
        suite,
        """
from keryx.admin import store
try:
    store.put_script(site, "nobody-here@example.org", "keep;")
except errors.NotFound as error:
    tell([error.sentence])
""",
    )
    assert told == ["There is no account nobody-here@example.org."]


def test_a_script_that_does_not_compile_is_refused_with_the_reason(suite: Suite) -> None:
    address, _ = suite.account("alice")
    answer = call(suite, "keryx.admin.store.put_script", address=address, script="fileinto 7;")
    assert "line 1" in refusal(answer, "BadInput")


def test_many_callers_at_once_are_all_served(suite: Suite) -> None:
    told = as_web(
        suite,
        """
from concurrent.futures import ThreadPoolExecutor
from keryx.admin import queue
with ThreadPoolExecutor(40) as threads:
    tell(list(threads.map(lambda _: queue.depth(site).count >= 0, range(120))))
""",
    )
    assert told == [True] * 120
