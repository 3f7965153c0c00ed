from pathlib import Path

from keryx.components.openldap import tree
from keryx.components.openldap.component import Openldap
from keryx.components.testing import check_golden, site

GOLDEN = Path(__file__).parent / "golden"


def test_the_files_are_as_they_should_be() -> None:
    check_golden(Openldap(), site(), GOLDEN / "embedded")


def test_the_files_for_other_pods() -> None:
    check_golden(Openldap(), site(pod="openldap"), GOLDEN / "pod")
    assert Openldap().command(site(pod="openldap")).argv[-1].split()[-1] == "ldaps://:10636/"


def test_no_password_is_rendered() -> None:
    text = "".join(file.content for file in Openldap().render(site()))
    assert "SECRET-" not in text


def test_an_external_directory_needs_no_openldap() -> None:
    directory = "{embedded: false, uri: 'ldaps://ldap.example', root_dn: o=x, bind_password_file: /x}"
    assert not Openldap().enabled(site(f"domain: example.org\ndirectory: {directory}\n"))


def test_the_tree_begins_with_root_and_branches_parents_first() -> None:
    access = site("domain: example.org\ndirectory: {user_base: 'ou=people,ou=mail'}\n").directory
    root = "dc=example,dc=org"
    assert tree.branches(access) == [
        root,
        f"ou=domains,{root}",
        f"ou=mail,{root}",
        f"ou=people,ou=mail,{root}",
        f"ou=aliases,{root}",
    ]


def test_an_entry_is_ldif_with_unsafe_values_in_base_64() -> None:
    assert tree.entry("ou=Büro,dc=example") == (
        "dn:: b3U9QsO8cm8sZGM9ZXhhbXBsZQ==\nobjectClass: top\nobjectClass: organizationalUnit\n"
        "ou:: QsO8cm8=\n\n"
    )


def test_names_are_read_back_from_slapcat() -> None:
    text = "dn: ou=users,dc=exam\n ple\nou: users\n\n" + tree.entry("ou=Büro,dc=example")
    assert tree.names(text) == ["ou=users,dc=example", "ou=Büro,dc=example"]
