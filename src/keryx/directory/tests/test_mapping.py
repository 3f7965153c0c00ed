import pytest

from keryx.components.testing import site
from keryx.core.model import Account, Alias, Domain
from keryx.directory.entry import Entry
from keryx.directory.mapping import Names, differences, dn_text, filter_text, person

ROOT = "dc=example,dc=org"


@pytest.fixture
def names() -> Names:
    return Names.of(site())


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("alice@example.org", "alice@example.org"),
        ("*", r"\2a"),
        ("a)(mail=*", r"a\29\28mail=\2a"),
        ("back\\slash", r"back\5cslash"),
        ("\0", r"\00"),
    ],
)
def test_text_cannot_break_out_of_a_filter(text: str, escaped: str) -> None:
    assert filter_text(text) == escaped


@pytest.mark.parametrize(
    ("text", "escaped"),
    [("a,b", r"a\,b"), ("a+b@example.org", r"a\+b@example.org"), ("#a", r"\#a"), ("a=b", r"a\=b")],
)
def test_text_cannot_break_out_of_a_name(text: str, escaped: str) -> None:
    assert dn_text(text) == escaped


def test_names_of_entries(names: Names) -> None:
    assert names.domain_dn("example.org") == f"ou=example.org,ou=domains,{ROOT}"
    assert names.account_dn("alice@example.org") == f"mail=alice@example.org,ou=users,{ROOT}"
    assert names.alias_dn("@example.org") == f"mail=@example.org,ou=aliases,{ROOT}"


def test_own_conditions_are_joined_to_ours() -> None:
    text = "domain: example.org\ndirectory: {filters: {account: '(l=Berlin)'}}\n"
    assert Names.of(site(text)).account_filter("(mail=a)") == "(&(objectClass=mailAccount)(mail=a)(l=Berlin))"


def test_attributes_of_another_schema() -> None:
    directory = (
        "{embedded: false, uri: 'ldaps://ldap.example', root_dn: o=x, bind_password_file: /x,"
        " attributes: {alias: mailAlternateAddress, active: enabled}}"
    )
    names = Names.of(site(f"domain: example.org\ndirectory: {directory}\n"))
    entry = Entry(
        "uid=a,o=x", {"mail": ["A@Example.org"], "MailAlternateAddress": ["b@x.org"], "enabled": ["TRUE"]}
    )
    assert names.account(entry) == Account("a@example.org", "", ("b@x.org",), active=True)
    assert names.account_values(Account("a@x.org", active=False))["enabled"] == ["FALSE"]


def test_an_account_goes_to_the_directory_and_back(names: Names) -> None:
    account = Account(
        "alice@example.org", "Alice B. Liddell", ("a@example.org",), False, 7, True, True, "store-1"
    )
    assert names.account(Entry("x", names.account_values(account))) == account


def test_an_account_whose_entry_does_not_say_active_is_not(names: Names) -> None:
    assert not names.account(Entry("x", {"mail": ["a@example.org"]})).active


def test_an_alias_whose_entry_does_not_say_active_is(names: Names) -> None:
    assert names.alias(Entry("x", {"mail": ["a@example.org"], "mailTarget": ["b@c.org"]})) == Alias(
        "a@example.org", ("b@c.org",)
    )


def test_a_domain_goes_to_the_directory_and_back(names: Names) -> None:
    domain = Domain("example.org", "Main", 0, 5)
    assert names.domain(Entry("x", names.domain_values(domain))) == domain
    assert names.domain(Entry("x", {"ou": ["Plain.example"]})) == Domain("plain.example")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Alice Liddell", ("Alice Liddell", "Alice", "Liddell")),
        ("Alice  B. Liddell", ("Alice B. Liddell", "Alice B.", "Liddell")),
        ("Printer", ("Printer", "", "Printer")),
    ],
)
def test_names_of_people(name: str, parts: tuple[str, str, str]) -> None:
    assert person(name) == parts


def test_only_what_differs_is_written() -> None:
    before = {"mail": ["a"], "mailAlias": ["x", "y"], "cn": ["A"]}
    after = {"mail": ["a"], "mailAlias": ["y", "x"], "cn": [], "sn": []}
    assert differences(before, after) == {"cn": []}
