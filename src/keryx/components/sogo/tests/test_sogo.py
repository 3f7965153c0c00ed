"""SOGo's files, whole, for both versions, and what must hold in all of them."""

from pathlib import Path

import pytest

from keryx.components.sogo.component import Sogo
from keryx.components.testing import check_golden, site
from keryx.core import errors

GOLDEN = Path(__file__).parent / "golden"
NEWER = {"sogo": (5, 12, 1)}

EVERYTHING = """\
domain: example.org
hostname: mx.example.org
bind: ["2001:db8::1"]
port_offset: 20000
trusted_proxies: [10.0.0.0/8]
message_size_limit_mb: 25
webmail: sogo
ports: {imap: {proxy_protocol: true}, sieve: false, submission: {proxy_protocol: true}}
web: {session_hours: 4, admin_host: admin.example.org}
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
  attributes: {mail: rfc822, alias: otherMail, active: enabled}
database:
  embedded: false
  host: db.example.com
  ca: /etc/tls/db-ca.pem
  sogo_password_file: {password}
  prefix: site1_
sogo:
  language: German
  time_zone: Europe/Berlin
  title: 'Pöst & "Söhne"'
  logo: /etc/logo.png
  first_page: Calendar
  first_day_of_week: Sunday
  address_book: false
  dav_workers: 9
  outside_accounts: true
  mail_notifications: false
  workers: 7
  memory_limit_mb: 1024
  extra: SOGoMailComposeMessageType = text;
"""


@pytest.fixture
def everything(tmp_path: Path) -> str:
    password = tmp_path / "password"
    password.write_text('with "quotes" and \\ signs\n')
    return EVERYTHING.replace("{password}", str(password))


@pytest.mark.parametrize(("version", "versions"), [("5.8", {}), ("5.12", NEWER)])
def test_by_default(version: str, versions: dict[str, tuple[int, ...]]) -> None:
    check_golden(Sogo(), site(versions=versions), GOLDEN / f"{version}-default")


@pytest.mark.parametrize(("version", "versions"), [("5.8", {}), ("5.12", NEWER)])
def test_every_setting_shows(version: str, versions: dict[str, tuple[int, ...]], everything: str) -> None:
    check_golden(Sogo(), site(everything, versions), GOLDEN / f"{version}-everything")


def test_passwords_are_in_files_that_others_cannot_read() -> None:
    made = Sogo().render(site())
    for file in made:
        if "SECRET-" in file.content:
            assert file.secret
            assert file.mode & 0o007 == 0, file.path
    assert any(file.secret for file in made)
    assert "SECRET-" not in " ".join(Sogo().command(site()).argv)
    assert "SECRET-" not in " ".join(Sogo().command(site()).env.values())


def test_no_table_url_holds_a_password() -> None:
    text = _settings("domain: example.org\n")
    assert text.count('= "postgresql://sogo@/sogo/') == 9


def test_without_managesieve_nothing_is_offered_that_needs_it() -> None:
    text = _settings("domain: example.org\nports: {sieve: false}\n")
    for key in ("SOGoSieveScriptsEnabled", "SOGoVacationEnabled", "SOGoForwardEnabled"):
        assert f"{key} = NO;" in text


@pytest.mark.parametrize("webmail", ["roundcube", "none"])
def test_it_runs_only_where_it_is_asked_for(webmail: str) -> None:
    assert not Sogo().enabled(site(f"domain: example.org\nwebmail: {webmail}\n"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("language: Klingon", "sogo.language"),
        ("time_zone: Europe/Atlantis", "is not a time zone"),
        ('time_zone: "UTC; x"', "is not a time zone"),
        ("logo: /etc/passwd", "is not a picture"),
        ("workers: 1", "write 2 or more"),
        ("memory_limit_mb: 10", "write 256 or more"),
        ("worker: 3", "did you mean workers"),
    ],
)
def test_a_wrong_value_is_named(line: str, said: str) -> None:
    with pytest.raises(errors.BadSettings) as caught:
        site(f"domain: example.org\nsogo:\n  {line}\n")
    assert said in str(caught.value)


def _settings(text: str) -> str:
    return next(file.content for file in Sogo().render(site(text)) if file.path.name == "sogod.plist")
