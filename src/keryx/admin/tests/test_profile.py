"""Apple's profile: what a device finds in it, and whose signature it bears."""

from __future__ import annotations

import base64
import plistlib
from pathlib import Path
from typing import Any

import pytest

from keryx.admin import client_setup, profile
from keryx.components import testing
from keryx.core import errors
from keryx.core.process import run
from keryx.settings.site import Site
from keryx.tls import authority, cms


def parts(site: Site, address: str = "alice@example.org", name: str = "Alice") -> dict[str, dict[str, Any]]:
    text = profile.plain(site, client_setup.of(site, "example.org"), address, name)
    return {part["PayloadType"]: part for part in plistlib.loads(text)["PayloadContent"]}


def test_mail_calendars_and_contacts_in_one() -> None:
    found = parts(testing.site("domain: example.org\nweb: {smtp_host: smtp.example.org, port: 8443}\n"))
    mail = found["com.apple.mail.managed"]
    assert (mail["EmailAddress"], mail["EmailAccountName"]) == ("alice@example.org", "Alice")
    assert (mail["IncomingMailServerHostName"], mail["IncomingMailServerPortNumber"]) == (
        "mail.example.org",
        993,
    )
    assert (mail["OutgoingMailServerHostName"], mail["OutgoingMailServerPortNumber"]) == (
        "smtp.example.org",
        465,
    )
    assert mail["IncomingMailServerUsername"] == mail["OutgoingMailServerUsername"] == "alice@example.org"
    calendar, contacts = found["com.apple.caldav.account"], found["com.apple.carddav.account"]
    assert (calendar["CalDAVHostName"], calendar["CalDAVPort"]) == ("mail.example.org", 8443)
    assert contacts["CardDAVPrincipalURL"] == "/SOGo/dav/alice%40example.org/"
    assert not [
        key
        for part in found.values()
        for key in part
        if "Password" in key and "Same" not in key and "Authentication" not in key
    ], "no password"


def test_without_sogo_it_is_mail_alone() -> None:
    assert list(parts(testing.site("domain: example.org\nwebmail: roundcube\n"))) == [
        "com.apple.mail.managed"
    ]


def test_pop3_where_there_is_no_imap() -> None:
    mail = parts(testing.site("domain: example.org\nports: {imap: false, imaps: false}\n"))[
        "com.apple.mail.managed"
    ]
    assert (mail["EmailAccountType"], mail["IncomingMailServerPortNumber"]) == ("EmailTypePOP", 995)
    with pytest.raises(errors.BadInput, match="no IMAP or POP3"):
        parts(
            testing.site(
                "domain: example.org\nports: {imap: false, imaps: false, pop3: false, pop3s: false}\n"
            )
        )


def test_the_same_address_gives_the_same_profile_and_another_one_another() -> None:
    site = testing.site()
    once = {kind: part["PayloadUUID"] for kind, part in parts(site).items()}
    assert once == {kind: part["PayloadUUID"] for kind, part in parts(site).items()}
    others = {part["PayloadUUID"] for part in parts(site, "bob@example.org").values()}
    assert len(others | set(once.values())) == 6


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_device_that_trusts_the_server_trusts_the_profile(tmp_path: Path, kind: str) -> None:
    authority.ensure(tmp_path, ["mail.example.org"])
    certificate, key, trusted = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "ca.pem"
    if kind == "rsa":
        certificate = trusted = tmp_path / "rsa.pem"
        key = tmp_path / "rsa.key"
        request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x"]
        run([*request, "-keyout", key, "-out", certificate])
    content = "<plist>\r\n\u00e4\n</plist>\n".encode()
    signed = tmp_path / "profile"
    signed.write_bytes(cms.sign(content, certificate, key))
    out = tmp_path / "out"
    verify = ["openssl", "cms", "-verify", "-inform", "DER", "-purpose", "any", "-binary"]
    run([*verify, "-in", signed, "-CAfile", trusted, "-out", out])
    assert out.read_bytes() == content, "to the byte"


def test_a_key_that_devices_do_not_know_is_said(tmp_path: Path) -> None:
    run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ed25519",
            "-nodes",
            "-subj",
            "/CN=x",
            "-keyout",
            tmp_path / "key",
            "-out",
            tmp_path / "cert",
        ]
    )
    with pytest.raises(errors.BadInput, match="neither an RSA nor an EC key"):
        cms.sign(b"x", tmp_path / "cert", tmp_path / "key")


def test_what_is_no_name_is_refused_before_anything_is_asked() -> None:
    for name in ("x" * 201, "line\nbreak", "\x00"):
        with pytest.raises(errors.BadInput, match="no name of a person"):
            profile.signed(testing.site(), "alice@example.org", name)
    with pytest.raises(errors.BadInput):
        profile.signed(testing.site(), "alice", "Alice")


def test_the_door_can_carry_it() -> None:
    marked = profile.signed.marked  # type: ignore[attr-defined]
    told = marked.request("alice@example.org", "Alice")
    assert b'"keryx.admin.profile.signed"' in told
    assert marked.result.validate_json(f'"{base64.b64encode(bytes(range(256))).decode()}"')
