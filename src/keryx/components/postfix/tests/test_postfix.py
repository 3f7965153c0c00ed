from pathlib import Path

import pytest

from keryx.components.postfix import parameters, view
from keryx.components.postfix.component import Postfix
from keryx.components.testing import check_golden, site
from keryx.core import errors
from keryx.core.process import run
from keryx.settings.site import Site

GOLDEN = Path(__file__).parent / "golden"

EVERYTHING = """\
domain: example.org
hostname: mx.example.org
postmaster: it@example.org
bind: [203.0.113.5, "2001:db8::5"]
port_offset: 20000
trusted_proxies: [10.9.0.0/16]
relay_networks: [192.0.2.0/24]
ports:
  smtp: {proxy_protocol: true}
  submission: {proxy_protocol: true}
message_size_limit_mb: 10
directory:
  embedded: false
  uri: ldaps://ldap.example.net
  root_dn: dc=corp
  bind_dn: cn=mail,dc=corp
  bind_password_file: {FOLDER}/ldap
  attributes: {alias: proxyAddress, active: enabled}
  filters: {account: "(department=50%)"}
postfix:
  dnsbl: [zen.spamhaus.org*3, list.dnswl.org*-2]
  greet_check: false
  postscreen_access: {198.51.100.0/24: permit, 198.51.0.0/16: reject}
  check_helo: resolves
  helo_allow: [old.partner.example]
  check_ptr: matches
  ptr_allow: [198.51.100.0/24, partner.example]
  check_sender_domain: false
  relayhost: {host: smtp.example.net, user: relay, password_file: {FOLDER}/relay}
  sender_relayhosts:
    second.example: {host: wrap.example.net, port: 465, tls: wrapper}
    ceo@second.example: {host: 192.0.2.99, port: 25, tls: may}
  tls_policy: {bank.example: secure match=.bank.example}
  header_privacy: false
  retry_days: 3
  parameters: {smtp_helo_timeout: 60s, delay_warning_time: 0h, smtpd_soft_error_limit: 5}
"""


def everything(folder: Path, versions: dict[str, tuple[int, ...]] | None = None) -> Site:
    (folder / "ldap").write_text("pa$$word\n")
    (folder / "relay").write_text("relay-secret\n")
    return site(EVERYTHING.replace("{FOLDER}", str(folder)), versions)


def rendered(where: Site, name: str) -> str:
    found = [file for file in Postfix().render(where) if file.path.name == name]
    return found[0].content


def test_the_defaults_of_debian_12() -> None:
    check_golden(Postfix(), site(), GOLDEN / "default-3.7")


def test_the_defaults_of_debian_13() -> None:
    versions = {"postfix": (3, 10, 5), "postsrsd": (2, 0, 11)}
    check_golden(Postfix(), site(versions=versions), GOLDEN / "default-3.10")


def test_in_a_pod_of_its_own() -> None:
    versions = {"postfix": (3, 10, 5), "postsrsd": (2, 0, 11)}
    check_golden(Postfix(), site(versions=versions, pod="postfix"), GOLDEN / "pod")


def test_files_of_a_relay_that_keeps_no_mail() -> None:
    text = "domain: example.org\nmailboxes: false\nwebmail: none\npostmaster: boss@elsewhere.example\n"
    check_golden(Postfix(), site(text), GOLDEN / "relay")


def test_every_setting_shows(tmp_path: Path) -> None:
    check_golden(Postfix(), everything(tmp_path), GOLDEN / "everything")


@pytest.mark.parametrize("version", [(3, 7, 5), (3, 8, 4)])
def test_a_postfix_that_cannot_normalize_refuses_bare_newlines(version: tuple[int, ...]) -> None:
    main = rendered(site(versions={"postfix": version}), "main.cf")
    assert "smtpd_forbid_bare_newline = yes\n" in main


def test_passwords_are_only_in_files_that_others_cannot_read(tmp_path: Path) -> None:
    for file in Postfix().render(everything(tmp_path)):
        if "pa$$" in file.content or "relay-secret" in file.content:
            assert file.secret
            assert file.mode in (0o600, 0o640)
            assert not file.mode & 0o007


def test_every_parameter_of_main_cf_is_either_owned_or_tunable(tmp_path: Path) -> None:
    for where in (site(), everything(tmp_path)):
        set_by_us = parameters.names(rendered(where, "main.cf").partition("# --- postfix.parameters")[0])
        assert set_by_us <= parameters.OWNED | parameters.TUNABLE
    assert not parameters.OWNED & parameters.TUNABLE


def test_a_tunable_parameter_is_replaced_and_not_set_twice(tmp_path: Path) -> None:
    main = rendered(everything(tmp_path), "main.cf")
    assert main.count("delay_warning_time") == 1
    assert "delay_warning_time = 0h" in main


def test_no_door_that_believes_a_proxy_header_trusts_an_address(tmp_path: Path) -> None:
    master = rendered(everything(tmp_path), "master.cf")
    services = master.split("\n\n")
    believing = [text for text in services if "haproxy" in text or " postscreen" in text]
    assert len(believing) == 2
    for text in believing:
        assert "-o mynetworks=\n" in text
        assert "maps/proxy_spoofing" in text
    assert (
        "permit_mynetworks"
        not in rendered(everything(tmp_path), "main.cf").split("postscreen_access_list")[1].split("\n")[0]
    )


def test_without_proxy_protocol_there_is_no_internal_submission() -> None:
    assert "internal-submission" not in rendered(site(), "master.cf")


def test_a_port_that_is_off_has_no_service() -> None:
    where = site("domain: example.org\nports: {smtp: false, submission: false, submissions: false}\n")
    master = rendered(where, "master.cf")
    assert "postscreen" not in master
    assert "smtpd_sasl_auth_enable=yes" not in master
    assert [listener.name for listener in Postfix().listeners(where)] == []


def test_a_change_of_the_addresses_takes_a_restart(tmp_path: Path) -> None:
    changed = site().paths.etc("postfix") / view.INTERFACES
    assert Postfix().reload(site(), [changed]) is False


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("dnsbl: ['no list']", "zone*weight"),
        ("parameters: {mynetworks: 0.0.0.0/0}", "mynetworks is set by Keryx itself"),
        ("parameters: {smtpd_milters: ''}", "smtpd_milters is set by Keryx itself"),
        ("parameters: {'x y': 1}", "not the name of a Postfix parameter"),
        ('parameters: {smtp_helo_name: "a\\nb"}', "line break"),
        ("postscreen_access: {198.51.100.1/24: permit}", "198.51.100.1/24"),
        ("postscreen_access: {198.51.100.0/24: maybe}", "maybe"),
        ("check_helo: strict", "strict"),
        ("helo_allow: ['a b']", "a b"),
        ("retry_days: 0", "retry_days"),
        ("relayhost: {host: smtp.example.net, user: me}", "user and password_file belong together"),
        ("relayhost: {host: smtp.example.net, user: 'a:b', password_file: /x}", "a:b"),
        (
            "relayhost: {host: smtp.example.net, user: me, password_file: /x, tls: may}",
            "could send the login in clear",
        ),
        ("relayhost: {host: 'smtp example'}", "smtp example"),
        ("relayhost: {host: x.example, port: 70000}", "70000"),
        ("sender_relayhosts: {nodot: {host: x.example}}", "nodot"),
        ("tls_policy: {example.net: strong}", "strong"),
        ("tls_policy: {'bad name': may}", "bad name"),
        ("dnsbls: []", "did you mean dnsbl"),
    ],
)
def test_a_wrong_value_is_named_with_the_remedy(line: str, words: str) -> None:
    with pytest.raises(errors.BadSettings) as caught:
        site(f"domain: example.org\npostfix:\n  {line}\n")
    assert words in str(caught.value)


def test_a_relayhost_is_found_for_a_sender_with_any_characters(tmp_path: Path) -> None:
    where = site(
        "domain: example.org\n"
        "postfix: {sender_relayhosts: {sales/e.u@second.example: {host: relay.example.net, tls: may}}}"
    )
    table = tmp_path / "sender_routes"
    table.write_text(rendered(where, "sender_routes"))
    (tmp_path / "main.cf").write_text("compatibility_level = 3.6\n")

    def route(sender: str) -> str:
        return run(["postmap", "-c", tmp_path, "-q", sender, f"pcre:{table}"], check=False).stdout

    assert route("sales/e.u@second.example") == "smtp:[relay.example.net]:587\n"
    assert route("sales/eyu@second.example") == ""


def test_a_missing_password_file_is_named(tmp_path: Path) -> None:
    where = everything(tmp_path)
    (tmp_path / "relay").unlink()
    with pytest.raises(errors.BadInput, match="relay cannot be read"):
        Postfix().render(where)
