from pathlib import Path

import pytest

from keryx.components.component import Listener, Platform
from keryx.components.dovecot import commands
from keryx.components.dovecot.component import Dovecot
from keryx.components.dovecot.view import View, quoted
from keryx.components.testing import check_golden, site
from keryx.core import errors
from keryx.settings.site import Site

GOLDEN = Path(__file__).parent / "golden"
NEWER = {"dovecot-core": (2, 4, 1)}

EVERYTHING = """\
domain: example.org
log_level: debug
hostname: mx.example.org
bind: [192.0.2.1, "2001:db8::1"]
port_offset: 20000
trusted_proxies: [10.0.0.0/8, "fd00::/8"]
message_size_limit_mb: 25
ports:
  imap: false
  imaps: {number: 9993, proxy_protocol: true}
  pop3: false
  pop3s: false
  sieve: {proxy_protocol: true}
tls:
  certificate: /etc/tls/fullchain.pem
  key: /etc/tls/privkey.pem
directory:
  embedded: false
  uri: ldap://ldap.example.com
  starttls: true
  ca: /etc/tls/ldap-ca.pem
  root_dn: o=example
  user_base: ou=people
  bind_dn: cn=mail,o=example
  bind_password_file: {password}
  account_object_class: mailUser
  timeout: 3
  filters: {account: "(memberOf=cn=mail,o=example)"}
  attributes: {mail: rfc822, alias: otherMail, active: enabled, quota: quotaMb, super_user: boss}
dovecot:
  quota_warnings: [90, 50]
  full_text_search: false
  login_trusted_networks: [192.0.2.10/32]
  max_connections_per_user: 7
  max_sessions: 300
  auth_cache_seconds: 0
  sieve_max_script_kb: 64
  sieve_max_redirects: 2
  vacation_min_days: 2
  extra: |
    mail_debug = yes
"""


@pytest.fixture
def everything(tmp_path: Path) -> str:
    password = tmp_path / "password"
    password.write_text('with "quotes" and #signs\n')
    return EVERYTHING.replace("{password}", str(password))


@pytest.mark.parametrize(("dialect", "versions"), [("2.3", {}), ("2.4", NEWER)])
def test_by_default_every_door_is_open(dialect: str, versions: dict[str, tuple[int, ...]]) -> None:
    check_golden(Dovecot(), site(versions=versions), GOLDEN / f"{dialect}-default")


@pytest.mark.parametrize("pod", ["dovecot", "postfix"])
def test_in_a_pod_it_is_the_store_or_tells_its_neighbours_who_somebody_is(pod: str) -> None:
    check_golden(Dovecot(), site(versions=NEWER, pod=pod), GOLDEN / f"2.4-pod-{pod}")


@pytest.mark.parametrize(("dialect", "versions"), [("2.3", {}), ("2.4", NEWER)])
def test_every_setting_shows(dialect: str, versions: dict[str, tuple[int, ...]], everything: str) -> None:
    check_golden(Dovecot(), site(everything, versions), GOLDEN / f"{dialect}-everything")


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("quota_warnings: [0]", "quota_warnings"),
        ("quota_warnings: [101]", "quota_warnings"),
        ("quota_warnings: [80, 80]", "stands twice"),
        ("auth_cache_seconds: 61", "write 60 or less"),
        ("max_connections_per_user: 0", "max_connections_per_user"),
        ("login_trusted_networks: [example.org]", "login_trusted_networks"),
        ("vacation_min_days: -1", "vacation_min_days"),
        ("full_text_serach: true", "did you mean full_text_search"),
    ],
)
def test_a_wrong_value_is_named(line: str, key: str) -> None:
    with pytest.raises(errors.BadSettings) as caught:
        site(f"domain: example.org\ndovecot:\n  {line}\n")
    assert key in str(caught.value)


@pytest.mark.parametrize("versions", [{}, NEWER])
def test_passwords_are_in_files_that_others_cannot_read(versions: dict[str, tuple[int, ...]]) -> None:
    for file in Dovecot().render(site(versions=versions)):
        if "SECRET-" in file.content:
            assert file.secret
            assert file.mode & 0o007 == 0, file.path
            assert file.owner == "root"
    assert any(file.secret for file in Dovecot().render(site(versions=versions)))


def test_every_address_without_an_account_of_its_own_is_looked_up_escaped() -> None:
    for lookup in (View(site()).user_filter, View(site()).login_filter):
        assert "%u" in lookup, "Dovecot's own variable: it is escaped when the filter is filled in"


def test_the_most_urgent_warning_comes_first() -> None:
    text = _conf(site("domain: example.org\ndovecot: {quota_warnings: [10, 90, 50]}\n"))
    found = [text.index(f"quota-warning {percent} ") for percent in (90, 50, 10)]
    assert found == sorted(found)


def test_closed_ports_are_closed_and_imap_stays_on_loopback() -> None:
    closed = site("domain: example.org\nports: {imap: false, imaps: false, pop3: false, pop3s: false}\n")
    assert list(Dovecot().listeners(closed)) == [Listener("sieve", 4190)]
    text = _conf(closed)
    assert "protocols = imap sieve lmtp" in text
    assert text.count("    port = 0\n") == 2
    assert text.count("    address = 127.0.0.1\n") == 2
    assert "pop3-login" not in text


def test_full_text_search_comes_with_the_distribution() -> None:
    component = Dovecot()
    assert "dovecot-fts-xapian" in component.packages(Platform("debian", "12"))
    assert "dovecot-fts-xapian" in component.packages(Platform("ubuntu", "24.04"))
    assert "dovecot-flatcurve" in component.packages(Platform("debian", "13"))


def test_quoting_keeps_every_character() -> None:
    assert quoted('a"b\\c #d') == '"a\\"b\\\\c #d"'


@pytest.mark.parametrize("address", ["a/b@example.org", ".x@example.org", "nobody", "../x@example.org"])
def test_only_a_plain_address_names_a_mailbox(address: str) -> None:
    with pytest.raises(errors.BadInput):
        commands.mailbox_path(site(), address)


def test_commands_say_that_dovecot_does_not_run() -> None:
    for call in (commands.flush, commands.kick, commands.quota_use, commands.exists):
        with pytest.raises(errors.NotReady, match="does not run"):
            call(site(), "alice@example.org")


def _conf(made_for: Site) -> str:
    return next(file.content for file in Dovecot().render(made_for) if file.path.name == "dovecot.conf")
