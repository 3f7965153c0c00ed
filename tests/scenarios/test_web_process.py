"""The web process has no rights of root's, and can do its work all the same."""

from __future__ import annotations

import datetime
import json
import smtplib
import socket
import stat
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from keryx.admin import statistics
from keryx.components import python, registry
from keryx.components.rspamd.commands import Counters
from keryx.host import prepare
from keryx.host.supervisor import Supervisor
from tests.clients import arrives, imap
from tests.running import Suite, wait_for
from tests.unprivileged import as_web
from tests.world import World, message, submit, token

MAIL = ("openldap", "unbound", "redis", "freshclam", "clamav", "rspamd", "dovecot", "postsrsd", "postfix")
"""All that mail may need; whatever else a suite consists of it must do without."""


def ask(suite: Suite, path: str, *headers: str) -> tuple[str, str]:
    """Send a request to the web process's socket; return status line and body."""
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(30)
        stream.connect(str(suite.site.admin_web))
        lines = [f"GET {path} HTTP/1.0", "Host: mail.example.org", *headers, "", ""]
        stream.sendall("\r\n".join(lines).encode())
        head, _, body = stream.makefile("rb").read().partition(b"\r\n\r\n")
    return head.decode().splitlines()[0], body.decode()


def process(suite: Suite, component: str) -> psutil.Process:
    return psutil.Process(Supervisor(suite.site).processes()[component].pid)


def test_it_runs_as_its_own_user_without_any_capability(suite: Suite) -> None:
    found = process(suite, "admin")
    assert found.username() == "keryx"
    facts = Path(f"/proc/{found.pid}/status").read_text()
    assert "CapEff:\t0000000000000000" in facts
    assert "CapPrm:\t0000000000000000" in facts


def test_only_the_gateway_may_open_its_socket(suite: Suite) -> None:
    path = suite.site.admin_web.path
    assert path is not None
    for place, mode in ((path, 0o660), (path.parent, 0o750)):
        state = place.stat()
        assert stat.S_IMODE(state.st_mode) & 0o777 == mode, place
        assert (place.owner(), place.group()) == ("keryx", "keryx-web")


def test_it_tells_that_it_is_well_and_nothing_of_its_software(suite: Suite) -> None:
    status, body = ask(suite, "/internal/health")
    assert status.endswith("200 OK")
    assert json.loads(body)["status"] == "ok"


def test_it_reads_the_secrets_that_were_given_to_it_and_no_others(suite: Suite) -> None:
    told = as_web(
        suite,
        """
import os
home = site.paths.home
closed = ["secrets", "secrets/administrator", "secrets/rspamd-controller", "data/dkim", "data/postgresql",
          "data/dovecot/mail", "data/openldap/db", "data/postfix/spool/deferred",
          "data/postfix/spool/incoming", "state", "tls/key.pem", "etc/privileged"]
tell({
    "closed": [name for name in closed if os.access(home / name, os.R_OK)],
    "writable": [str(path) for folder in ("etc", "secrets", "state", "tls", "data", "lib")
                 for path in [home / folder, *(home / folder).rglob("*")] if os.access(path, os.W_OK)],
    "reader": len(site.reader_password), "admin": len(site.admin_password),
})
""",
    )
    assert told["closed"] == []
    assert told["writable"] == []
    assert told["reader"] > 20
    assert told["admin"] > 20


def test_every_use_case_of_accounts_works_without_rights(suite: Suite) -> None:
    name = f"{token()}.example"
    told = as_web(
        suite,
        f"""
from keryx.admin import accounts, aliases, dkim, dns, domains, effects, queue, store
name, address = {name!r}, "bob@{name}"
domains.add(site, name)
keys = [key.selector for key in dkim.show(site, name)]
records = [record.name for record in dns.domain_records(site, name)]
domains.change(site, name, description="ours")
accounts.add(site, accounts.NewAccount(address, "correct horse of bob"))
accounts.change(site, address, accounts.Changes(quota_mb=10, add_aliases=(f"b@{{name}}",)))
accounts.set_password(site, address, "another horse of bob")
aliases.add(site, f"info@{{name}}", [address])
aliases.change(site, f"info@{{name}}", description="all")
store.put_script(site, address, "keep;\\n")
quota = effects.quota_use_mb(site, address)
aliases.remove(site, f"info@{{name}}")
gone = accounts.remove(site, address, purge_mail=True).sentences
left = effects.has_mailbox(site, address)
domains.remove(site, name)
tell({{"keys": keys, "records": records, "quota": quota, "gone": gone, "left": left,
      "keys_after": list(dkim.show(site, name))}})
""",
    )
    assert told["keys"] == ["keryx-rsa", "keryx-ed"]
    assert f"keryx-rsa._domainkey.{name}" in told["records"]
    assert told["quota"] == 0
    assert f"Removed the mail of bob@{name}." in told["gone"]
    assert told["left"] is False
    assert told["keys_after"] == []


def test_the_queue_is_in_its_hands(world: World) -> None:
    suite, login = world.suite, world.suite.account("alice")
    far = f"{token()}@far.invalid"
    with suite.without("unbound"):
        submit(suite, login, login[0], far, message(login[0], token()))
        wait_for(lambda: suite.json("queue", "list", "--recipient", far), "the message waits")
        told = as_web(
            suite,
            f"""
from keryx.admin import queue
choice = queue.Choice(recipient={far!r})
(found,) = queue.list_messages(site, recipient={far!r})
tell({{"sender": found.sender, "depth": queue.depth(site).count, "text": queue.show(site, found.id)[:4000],
      "short": queue.show(site, found.id, most=20),
      "held": queue.hold(site, choice), "released": queue.release(site, choice),
      "deleted": queue.delete(site, choice)}})
""",
        )
    assert told["sender"] == login[0]
    assert told["depth"] >= 1
    assert far in told["text"]
    assert told["short"].endswith("[The message is longer; this is its beginning.]\n")
    assert (told["held"], told["released"], told["deleted"]) == (1, 1, 1)


def test_who_is_connected_is_seen_and_sent_away(suite: Suite) -> None:
    login = suite.account("alice")
    code = f"from keryx.admin import store\nfound = store.connections(site, {login[0]!r})\n"
    with imap(suite, *login) as client:
        told = as_web(
            suite, f"{code}store.disconnect(site, {login[0]!r})\ntell([one.service for one in found])"
        )
        assert told == ["imap"]
        with pytest.raises((client.abort, OSError)):
            wait_for(lambda: client.noop()[0] == "BYE", "the session ends")
    assert as_web(suite, f"{code}tell(found)") == []


def test_the_site_at_a_glance(suite: Suite) -> None:
    found = as_web(suite, "from keryx.admin import overview\ntell(overview.show(site))")
    states = {part["name"]: part["state"] for part in found["components"]}
    assert states == {component.name: "running" for component in registry.enabled(suite.site)}
    assert all(part["memory"] > 0 for part in found["components"])
    assert found["queue"]["count"] >= 0
    assert found["disk"]["total"] > found["disk"]["free"] > 0
    assert found["directory"] is True
    assert found["database"] is True
    assert found["problems"] == []


@pytest.mark.parametrize(
    ("component", "part"),
    [("openldap", "directory"), ("postgresql", "database"), ("privileged", "components")],
)
def test_what_is_away_is_part_of_the_overview(suite: Suite, component: str, part: str) -> None:
    with suite.without(component):
        found = as_web(suite, "from keryx.admin import overview\ntell(overview.show(site))")
    assert not found[part]
    assert found["problems"]
    assert found["disk"]["total"] > 0


def test_checks_run_in_the_background_and_are_kept(suite: Suite) -> None:
    def passing() -> set[str]:
        return {row["address"] for row in suite.json("user", "list") if "keryx-doctor" in row["address"]}

    before, begun = passing(), datetime.datetime.now(datetime.UTC).isoformat()
    started = as_web(suite, "from keryx.admin import doctor\ntell([doctor.start(site), doctor.start(site)])")
    assert started == [True, False]
    latest = "from keryx.admin import doctor\ntell(doctor.latest(site))"
    wait_for(lambda: not as_web(suite, latest)["running"], "the checks are made", 120)
    found = as_web(suite, latest)
    assert found["at"].replace(" ", "T") > begun
    ids = [result["id"] for result in found["results"]]
    assert ids[0] == "component.openldap"
    assert ids[-1] == "mail.loop"
    assert passing() == before


def test_the_command_line_leaves_its_results_for_the_dashboard(suite: Suite) -> None:
    printed = json.loads(suite.keryx("doctor", "--json", check=False).stdout)
    kept = as_web(suite, "from keryx.admin import doctor\ntell(doctor.latest(site))")
    assert [result["id"] for result in kept["results"]] == [result["id"] for result in printed]


def test_messages_are_counted(world: World) -> None:
    suite, login, subject = world.suite, world.suite.account("alice"), token()
    look = "from keryx.admin import statistics\ntell(statistics.counters(site))"
    before = Counters(**as_web(suite, look))
    submit(suite, login, login[0], login[0], message(login[0], subject))
    arrives(suite, login, subject)
    after = Counters(**as_web(suite, look))
    assert statistics.decided(before, after) == {"accepted": 1, "rejected": 0, "spam": 0}


def test_samples_become_series(suite: Suite) -> None:
    told = as_web(
        suite,
        """
from keryx.admin import statistics
from keryx.records import samples
collector = statistics.Collector(site)
values = collector.collect()
tell({"values": values, "day": statistics.series(site, "day"), "month": statistics.series(site, "month")})
""",
    )
    assert {"queue", "queue_seconds", "disk"} <= set(told["values"])
    assert 0 < told["values"]["disk"] < 1
    assert told["day"]["step"] == 600
    assert set(told["day"]["points"]) == {*statistics.COUNTED, *statistics.MEASURED}
    assert told["day"]["points"]["disk"]
    assert told["month"]["points"]["queue"]


def test_a_sample_that_could_not_be_kept_is_taken_again(suite: Suite) -> None:
    as_web(suite, "from keryx.admin import statistics\nstatistics.Collector(site).collect()")
    file = suite.site.paths.run("admin") / "counters.json"
    with suite.without("postgresql"):
        before = file.read_bytes()
        told = as_web(
            suite,
            """
from keryx.admin import statistics
try:
    statistics.Collector(site).collect()
except errors.Unreachable as error:
    tell(error.sentence)
""",
        )
        assert "does not answer" in told
        assert file.read_bytes() == before


def test_without_the_door_nothing_is_half_done(suite: Suite) -> None:
    name, login = f"{token()}.example", suite.account("alice")
    with suite.without("privileged"):
        told = as_web(
            suite,
            f"""
from keryx.admin import accounts, domains
said = []
for action in (lambda: domains.add(site, {name!r}), lambda: domains.remove(site, "example.org", force=True)):
    try:
        action()
    except errors.Unreachable as error:
        said.append(error.sentence)
password = accounts.set_password(site, {login[0]!r}, "another horse entirely")
tell({{"said": said, "password": password.sentences}})
""",
        )
        assert all("needs root cannot be done now" in sentence for sentence in told["said"])
        assert len(told["said"]) == 2
        assert "within minutes" in told["password"][1]
        # The command line needs no door.
        suite.keryx("domain", "add", name)
    assert {row["name"] for row in suite.json("domain", "list")} >= {name, "example.org"}
    assert [row["address"] for row in suite.json("user", "list") if row["address"] == login[0]]


def test_mail_flows_without_the_whole_web_side(world: World) -> None:
    """Mail from outside is delivered, read and sent while nothing of the web side runs."""
    suite, login, subject, own = world.suite, world.suite.account("alice"), token(), token()
    running = [component.name for component in registry.enabled(suite.site) if component.name not in MAIL]
    assert {"privileged", "admin", "nginx", "postgresql", "memcached", "sogo", "roundcube"} <= set(running)
    with ExitStack() as stack:
        # The last first, so that each finds again what it needs.
        for component in reversed(running):
            stack.enter_context(suite.without(component))
        stopped = Supervisor(suite.site).processes()
        assert {stopped[name].state for name in running} == {"STOPPED"}
        with smtplib.SMTP("127.0.0.1", suite.port("smtp")) as outside:
            outside.sendmail("friend@ext.test", [login[0]], message("friend@ext.test", subject).encode())
        arrives(suite, login, subject)
        submit(suite, login, login[0], login[0], message(login[0], own))
        arrives(suite, login, own)
        # An account made meanwhile gets mail at once, too.
        other = suite.account("bob")
        submit(suite, login, login[0], other[0], message(login[0], own))
        arrives(suite, other, own)


def test_it_ends_and_starts_in_good_order(suite: Suite) -> None:
    before = process(suite, "admin").pid
    suite.keryx("restart", "admin", "privileged")
    assert process(suite, "admin").pid != before
    assert ask(suite, "/internal/health")[0].endswith("200 OK")
    assert "Traceback" not in suite.log("admin")
    assert "Traceback" not in suite.log("privileged")


def test_code_that_changed_restarts_the_python_processes_only(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed() -> set[str]:
        return {part.name for part in registry.enabled(suite.site) if prepare.changed(part, suite.site)}

    suite.up()
    before = changed()
    monkeypatch.setattr(python, "code_digest", lambda: "other code")
    assert changed() == {"privileged", "admin", *before}
