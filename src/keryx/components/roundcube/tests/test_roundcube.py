"""Roundcube's files, whole, and what they are made of."""

from pathlib import Path

import pytest

from keryx.components import testing
from keryx.components.component import Platform
from keryx.components.roundcube import schema
from keryx.components.roundcube.component import Roundcube
from keryx.components.roundcube.settings import RoundcubeSettings
from keryx.components.roundcube.view import View, php
from keryx.core import errors
from keryx.core.secret import Secret

GOLDEN = Path(__file__).parent / "golden"
EVERYTHING = """\
domain: example.org
hostname: mx.example.org
bind: ["2001:db8::1"]
webmail: roundcube
message_size_limit_mb: 25
trusted_proxies: [10.0.0.0/8]
ports:
  imap: {{proxy_protocol: true}}
  submission: false
  sieve: false
  https: {{proxy_protocol: true}}
tls: {{certificate: /etc/tls/fullchain.pem, key: /etc/tls/privkey.pem}}
web: {{webmail_host: webmail.example.org, admin_host: admin.example.org, session_hours: 8}}
database:
  embedded: false
  host: db.example.com
  ca: /etc/tls/db-ca.pem
  roundcube_password_file: {password}
  prefix: kx_
directory:
  embedded: false
  uri: ldap://ldap1.example.com ldap://ldap2.example.com
  starttls: true
  ca: /etc/tls/ldap-ca.pem
  root_dn: o=example
  bind_dn: cn=mail,o=example
  bind_password_file: {password}
  filters: {{account: "(!(objectClass=robot))"}}
roundcube:
  title: Bob's Mail
  logo: /static/logo.svg
  language: de_DE
  time_zone: Europe/Berlin
  address_book: site
  workers: 30
  memory_limit_mb: 512
  plugins: [archive, managesieve, password, emoticons]
  extra: $config['mail_pagesize'] = 100;
"""


@pytest.fixture
def everything(tmp_path: Path) -> str:
    password = tmp_path / "password"
    password.write_text("pass:word\\'/@\n")
    return EVERYTHING.format(password=password)


def test_files() -> None:
    testing.check_golden(Roundcube(), testing.site(), GOLDEN / "default")


def test_files_with_everything_set(everything: str) -> None:
    versions = {"php-fpm": (8, 4), "roundcube-core": (1, 6, 11)}
    testing.check_golden(Roundcube(), testing.site(everything, versions), GOLDEN / "everything")


def test_files_in_a_pod() -> None:
    testing.check_golden(Roundcube(), testing.site(pod="roundcube"), GOLDEN / "pod")


def test_secrets_are_kept_from_others(everything: str) -> None:
    site = testing.site(everything)
    word = site.database("roundcube").password.reveal()
    for file in Roundcube().render(site):
        if word in file.content or word.replace("'", "\\'") in file.content:
            assert file.secret, file.path
            assert file.mode & 0o007 == 0, file.path
    assert word not in " ".join(Roundcube().command(site).argv)


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        ("it's \\ here", r"'it\'s \\ here'"),
        (None, "null"),
        (True, "true"),
        (12, "12"),
        (("a", 1), "['a', 1]"),
        ({"a": ["b"]}, "['a' => ['b']]"),
        (Secret("quiet"), "'quiet'"),
        ("${x} {$y} ?>", "'${x} {$y} ?>'"),
    ],
)
def test_values_as_php(value: object, literal: str) -> None:
    assert php(value) == literal


def test_submission_is_over_the_port_that_is_open() -> None:
    base = "domain: example.org\nbind: [192.0.2.1]\n"
    assert View(testing.site(base)).submission == "tls://192.0.2.1:587"
    assert View(testing.site(f"{base}ports: {{submission: false}}\n")).submission == "ssl://192.0.2.1:465"


def test_a_plugin_whose_service_is_off_is_left_out(everything: str) -> None:
    assert "managesieve" in View(testing.site()).active_plugins
    assert (
        "managesieve" not in View(testing.site("domain: example.org\nports: {sieve: false}\n")).active_plugins
    )
    # A directory that Keryx only reads: passwords are changed where it is kept.
    assert "password" not in View(testing.site(everything)).active_plugins


@pytest.mark.parametrize(
    ("webmail", "enabled"), [("both", True), ("roundcube", True), ("sogo", False), ("none", False)]
)
def test_it_runs_where_people_are_to_find_it(webmail: str, enabled: bool) -> None:
    assert Roundcube().enabled(testing.site(f"domain: example.org\nwebmail: {webmail}\n")) is enabled


def test_packages_are_of_the_distributions_own_php() -> None:
    assert "php8.2-fpm" in Roundcube().packages(Platform("debian", "12"))
    assert "php8.3-fpm" in Roundcube().packages(Platform("ubuntu", "24.04"))
    assert "php8.4-fpm" in Roundcube().packages(Platform("debian", "13"))


def test_changes_of_the_tables_come_in_order_and_after_the_present_one() -> None:
    files = [
        Path(f"{name}.sql") for name in ("2022081200", "2008030300", "notes", "2021081000", "2030010100")
    ]
    assert [path.stem for path in schema.newer(files, 2021081000)] == ["2022081200", "2030010100"]
    assert schema.noted(Path("2030010100.sql")).endswith("'2030010100' WHERE name = 'roundcube-version'")


@pytest.mark.parametrize(
    "setting",
    ["time_zone: Europe/Belin", "language: german", "plugins: [../evil]", "workers: 0", "address_book: all"],
)
def test_nonsense_is_refused(setting: str) -> None:
    with pytest.raises(errors.BadSettings, match=f"roundcube.{setting.split(':')[0]}"):
        testing.site(f"domain: example.org\nroundcube: {{{setting}}}\n")


def test_defaults_are_documented() -> None:
    assert all(field.description for field in RoundcubeSettings.model_fields.values())
