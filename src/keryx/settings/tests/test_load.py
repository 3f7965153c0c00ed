import pytest

from keryx.components import registry
from keryx.core import errors
from keryx.settings import load
from keryx.settings.database import DATABASES
from keryx.settings.model import SiteSettings


def parse(text: str) -> SiteSettings:
    return load.parse(text, registry.settings_model())


def problems(text: str) -> list[str]:
    with pytest.raises(errors.BadSettings) as caught:
        parse(text)
    return list(caught.value.problems)


def test_one_line_is_enough_and_the_rest_is_derived() -> None:
    settings = parse("domain: Example.ORG.\n")
    assert settings.domain == "example.org"
    assert settings.host == "mail.example.org"
    assert settings.postmaster_address == "postmaster@example.org"
    assert settings.administrator_address == "admin@example.org"


def test_every_problem_is_told_at_once_in_sentences() -> None:
    text = (
        "domain: example\nport: 3\nports: {smtp: abc, imaps: {numer: 3}}\n"
        "redis: {max_memory_mb: x}\ndefault_quota_mb: -3\n"
    )
    assert problems(text) == [
        'keryx.yaml: domain: "example" has no dot; write a full domain name such as example.org.',
        'keryx.yaml: ports.smtp: "abc" is not a port; write a number from 1 to 65535, or false.',
        'keryx.yaml: unknown key "ports.imaps.numer"; did you mean number.',
        "keryx.yaml: default_quota_mb: -3 does not fit; write 0 or more.",
        "keryx.yaml: redis.max_memory_mb: 'x' does not fit; write a whole number.",
        'keryx.yaml: unknown key "port"; did you mean ports.',
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", 'keryx.yaml: "domain" is missing; add a line domain: with its value.'),
        ("- a\n", "keryx.yaml: the top level is not a mapping; write lines such as domain: example.org."),
        (
            "domain: example.org\ndomain: example.net\n",
            'keryx.yaml: line 2: the key "domain" stands twice; keep one of them.',
        ),
        (
            "domain: example.org\nbind: [here]\n",
            "keryx.yaml: bind.0: 'here' does not fit; write an address such as 192.0.2.1.",
        ),
    ],
)
def test_a_problem_names_key_value_and_remedy(text: str, problem: str) -> None:
    assert problems(text)[0] == problem


def test_ports_move_and_switch_off() -> None:
    ports = parse("domain: example.org\nports: {smtp: 2525, pop3: false, imap: true}\n").ports
    assert (ports.smtp.number, ports.smtp.enabled) == (2525, True)
    assert ports.pop3.enabled is False
    assert (ports.imap.number, ports.imap.enabled) == (None, True)


def test_two_ports_cannot_be_one() -> None:
    assert problems("domain: example.org\nports: {imap: 993}\n") == [
        "keryx.yaml: ports.imaps and ports.imap are both 993; move one of them."
    ]


def test_an_offset_must_leave_the_ports_below_65536() -> None:
    assert problems("domain: example.org\nport_offset: 60000\nports: {sieve: 5600}\n") == [
        "keryx.yaml: ports.sieve is 65600 with port_offset; the highest port is 65535."
    ]


def test_an_external_directory_must_be_complete() -> None:
    assert problems("domain: example.org\ndirectory: {embedded: false}\n") == [
        'keryx.yaml: directory: an external directory needs uri, such as "ldaps://ldap.example.org".'
    ]


def test_the_first_administrator_may_have_another_address() -> None:
    settings = parse("domain: example.org\nadministrator: Alice@Example.org\n")
    assert settings.administrator_address == "alice@example.org"
    assert settings.role_target == "alice@example.org"
    assert settings.postmaster_address == "postmaster@example.org"


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        (
            "alice@example.net",
            "administrator alice@example.net is not in example.org, which a first start makes; name",
        ),
        (
            "abuse@example.org",
            "administrator abuse@example.org is an address that leads to the administrator; name ",
        ),
        ("alice", 'administrator: "alice" is not an address; write it as name@example.org.'),
        ("a+b@example.org", 'administrator: "a+b@example.org" cannot be an account: '),
    ],
)
def test_who_cannot_be_the_first_administrator_is_told(address: str, problem: str) -> None:
    (said,) = problems(f"domain: example.org\nadministrator: {address}\n")
    assert said.startswith(f"keryx.yaml: {problem}")


OUTSIDE = "domain: example.org\ndatabase: {embedded: false, host: db, "


def test_databases_and_roles_are_called_as_their_administrator_says() -> None:
    database = parse(OUTSIDE + "prefix: a_, names: {sogo: groupware}, roles: {keryx: mail-app}}\n").database
    assert [database.name_of(name) for name in DATABASES] == ["a_keryx", "groupware", "a_roundcube"]
    assert [database.role_of(name) for name in DATABASES] == ["mail-app", "groupware", "a_roundcube"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("names: {sogo: 'a b'}", 'database.names.sogo: "a b" cannot be a name here; begin with a letter'),
        (
            "roles: {sogo: postgres}",
            'database.roles.sogo: "postgres" is the server\'s own; give another name.',
        ),
        ("names: {mail: a}", 'unknown key "database.names.mail"; known here: keryx, sogo, roundcube.'),
        (
            "names: {sogo: keryx}",
            'database: the databases of keryx and sogo are both "keryx"; give each its own, '
            "so that neither reads the other's data.",
        ),
        (
            "roles: {sogo: a, roundcube: a}",
            'database: the roles of sogo and roundcube are both "a"; give each its own, ',
        ),
        (f"prefix: {'a' * 55}", f'database: prefix "{"a" * 55}" is too long; give at most 54 characters.'),
    ],
)
def test_what_cannot_be_the_name_of_a_database_is_told(text: str, problem: str) -> None:
    (said,) = problems(OUTSIDE + text + "}\n")
    assert said.startswith(f"keryx.yaml: {problem}")


def test_our_own_server_names_a_role_as_its_database() -> None:
    (said,) = problems("domain: example.org\ndatabase: {roles: {keryx: a}}\n")
    assert said.startswith("keryx.yaml: database: roles are for an external server (embedded: false)")
