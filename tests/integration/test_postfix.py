"""Postfix's own tools judge what we render: nothing unknown, nothing unused, nothing set twice."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from keryx.components.postfix.component import Postfix
from keryx.core import errors
from keryx.core.process import run
from keryx.host import home as homes
from keryx.host.prepare import prepare
from keryx.settings.site import Site

EVERYTHING = """\
domain: example.org
port_offset: 21000
bind: [127.0.0.1]
trusted_proxies: [10.9.0.0/16]
relay_networks: [192.0.2.0/24, "2001:db8::/64"]
ports: {{smtp: {{proxy_protocol: true}}, submissions: {{proxy_protocol: true}}}}
postfix:
  dnsbl: [zen.spamhaus.org*3]
  postscreen_access: {{198.51.100.0/24: permit}}
  check_helo: resolves
  helo_allow: [old.partner.example]
  check_ptr: matches
  ptr_allow: [198.51.100.0/24, partner.example]
  relayhost: {{host: smtp.example.net, user: relay, password_file: {home}/relay}}
  sender_relayhosts:
    second.example: {{host: wrap.example.net, port: 465, tls: wrapper}}
    ceo@second.example: {{host: 192.0.2.99, port: 25, tls: may}}
  tls_policy: {{bank.example: secure}}
  parameters: {{smtp_helo_timeout: 60s, delay_warning_time: 0h{more}}}
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A short path that other users may pass; pytest's own folders are neither."""
    with tempfile.TemporaryDirectory(prefix="keryx-", dir="/tmp") as folder:
        yield Path(folder)


def made(home: Path, more: str = "") -> Site:
    home.chmod(0o755)
    (home / "relay").write_text("secret\n")
    (home / "keryx.yaml").write_text(EVERYTHING.format(home=home, more=more))
    return homes.site(home)


def query(site: Site, table: str, key: str) -> str:
    """Return what a lookup table answers."""
    etc = site.paths.etc("postfix")
    done = run(["/usr/sbin/postmap", "-c", etc, "-q", key, table.format(etc / "maps")], check=False)
    assert not done.stderr
    return done.stdout.strip()


def test_postfix_accepts_every_setting_without_a_warning(home: Path) -> None:
    site = made(home)
    prepare(Postfix(), site)
    folder = str(site.paths.etc("postfix"))
    for argv in (["postconf", "-c", folder], ["postfix", "-c", folder, "check"]):
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    effective = run(["postconf", "-c", folder, "-h", "delay_warning_time", "inet_interfaces"]).stdout
    assert effective.split() == ["0h", "127.0.0.1"]


def test_a_parameter_that_postfix_does_not_know_is_refused(home: Path) -> None:
    prepare(Postfix(), made(home))
    before = (home / "etc/postfix/main.cf").read_text()
    with pytest.raises(errors.BadSettings, match="smtp_hello_timeout"):
        prepare(Postfix(), made(home, ", smtp_hello_timeout: 5s"))
    assert (home / "etc/postfix/main.cf").read_text() == before


def test_the_tables_answer_as_meant(home: Path) -> None:
    site = made(home)
    prepare(Postfix(), site)
    routes = "pcre:{}/sender_routes"
    assert query(site, routes, "ceo@second.example") == "smtp:[192.0.2.99]:25"
    assert query(site, routes, "any@second.example") == "smtp-tls:[wrap.example.net]:465"
    assert query(site, routes, "any@sub.second.example") == ""
    assert query(site, routes, "xceo@second.example") == "smtp-tls:[wrap.example.net]:465"
    assert query(site, routes, '"<>"') == "DUNNO"
    assert query(site, "pcre:{}/srs_filter", "SRS0=a=b=c=d@example.org") == "SRS0=a=b=c=d@example.org"
    assert query(site, "pcre:{}/srs_filter", "SRS0=a=b=c=d@exampleXorg") == ""
    assert query(site, "pcre:{}/srs_filter", "alice@example.org") == ""
    assert query(site, "cidr:{}/proxy_spoofing", "127.8.8.8").startswith("550")
    assert query(site, "cidr:{}/proxy_spoofing", "::1").startswith("550")
    assert query(site, "cidr:{}/proxy_spoofing", "198.51.100.9") == ""
    assert query(site, "pcre:{}/role_addresses", "Postmaster@second.example") == "second.example"
    assert query(site, "pcre:{}/role_addresses", "postmasters@second.example") == ""
    assert query(site, "texthash:{}/relay_logins", "[smtp.example.net]:587") == "relay:secret"


def test_the_spool_belongs_to_whom_postfix_wants(home: Path) -> None:
    site = made(home)
    prepare(Postfix(), site)
    modes = {path.name: path.stat().st_mode & 0o7777 for path in site.paths.spool.iterdir()}
    assert modes["public"] == 0o2710
    assert modes["maildrop"] == 0o1730
    assert modes["private"] == 0o700
    assert (site.paths.spool / "etc/resolv.conf").read_text().count(site.resolver.host) == 1
    passwords = (site.paths.etc("postfix") / "ldap/recipients.cf").stat()
    assert passwords.st_mode & 0o777 == 0o640


def test_a_value_that_a_daemon_could_not_read_is_refused(home: Path) -> None:
    prepare(Postfix(), made(home))
    before = (home / "etc/postfix/main.cf").read_text()
    wrong = ", qmgr_message_active_limit: 20k, queue_run_delay: soon, smtpd_helo_timeout: 5s"
    with pytest.raises(errors.BadSettings) as caught:
        prepare(Postfix(), made(home, f"{wrong}, smtp_always_send_ehlo: maybe"))
    assert list(caught.value.problems) == [
        'postfix.parameters: smtpd_helo_timeout: "5s" has no effect, Postfix has no such parameter; correct'
        " or remove it.",
        'postfix.parameters: qmgr_message_active_limit: "20k" is not a number; Postfix\' own is 20000.',
        'postfix.parameters: queue_run_delay: "soon" is not a time; Postfix\' own is 300s.',
        'postfix.parameters: smtp_always_send_ehlo: "maybe" is not yes or no; Postfix\' own is yes.',
    ]
    assert (home / "etc/postfix/main.cf").read_text() == before


def test_a_value_that_a_daemon_would_not_start_with_is_refused(home: Path) -> None:
    wrong = ", qmgr_message_active_limit: 0, queue_run_delay: 0s, smtpd_recipient_limit: 4294967296"
    with pytest.raises(errors.BadSettings) as caught:
        prepare(Postfix(), made(home, wrong))
    assert list(caught.value.problems) == [
        'postfix.parameters: qmgr_message_active_limit: "0" is too small; Postfix\' own is 20000.',
        'postfix.parameters: queue_run_delay: "0s" is too small; Postfix\' own is 300s.',
        'postfix.parameters: smtpd_recipient_limit: "4294967296" is too large; Postfix\' own is 1000.',
    ]


def test_values_that_postfix_reads_are_taken(home: Path) -> None:
    values = {
        "qmgr_message_active_limit": "$default_process_limit",
        "queue_run_delay": "600",
        "smtp_always_send_ehlo": "No",
        "default_destination_concurrency_positive_feedback": "1/concurrency",
        "smtp_tls_loglevel": "summary",
        "smtpd_timeout": "${stress?{10}:{200}}s",
        "srs_destination_rate_delay": "1s",
        "default_destination_concurrency_limit": "0",
        "virtual_mailbox_limit": "4294967296",
    }
    prepare(Postfix(), made(home, "".join(f', {name}: "{value}"' for name, value in values.items())))
