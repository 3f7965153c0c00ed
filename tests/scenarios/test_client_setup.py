"""Mail programs and phones set themselves up, with the requests that they really send, through the
gateway; and no stranger learns from it who has an account."""

from __future__ import annotations

import base64
import html
import imaplib
import plistlib
import re
import ssl
import uuid
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest

from keryx.admin import client_setup
from keryx.core import network
from keryx.core.process import run
from keryx.dns import mta_sts
from tests.running import Suite, wait_for

ANSWER = "{http://schemas.microsoft.com/exchange/autodiscover/%s/responseschema/%s}"
OUTLOOK = ANSWER % ("outlook", "2006a")
MOBILE = ANSWER % ("mobilesync", "2006")
QUESTION = """\
<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/%s/requestschema/2006">
<Request><EMailAddress>%s</EMailAddress>
<AcceptableResponseSchema>%s</AcceptableResponseSchema></Request></Autodiscover>
"""


def ask(
    suite: Suite,
    host: str,
    path: str,
    *,
    method: str = "GET",
    content: str = "",
    headers: dict[str, str] | None = None,
    checked: bool = True,
) -> httpx.Response:
    """Ask as a client that was led to ``host``; ``checked`` wants a certificate for that name.

    Who asks too often is told to wait, and does.
    """
    context = ssl.create_default_context(cafile=str(suite.home / "tls/ca.pem"))

    def answer(client: httpx.Client) -> httpx.Response | None:
        said = client.request(
            method,
            f"https://127.0.0.1:{suite.port('https')}{path}",
            headers={"Host": host, **(headers or {})},
            content=content or None,
            extensions={"sni_hostname": host},
        )
        return None if said.status_code == httpx.codes.TOO_MANY_REQUESTS else said

    with httpx.Client(verify=context if checked else network.unverified_tls()) as client:
        found = wait_for(lambda: answer(client), "the gateway answers")
        assert found is not None
        return found


def post(suite: Suite, address: str, kind: str, **more: str) -> httpx.Response:
    """Ask as Outlook (``outlook``) or a phone (``mobilesync``) does."""
    schema = (OUTLOOK if kind == "outlook" else MOBILE).strip("{}")
    return ask(
        suite,
        "mail.example.org",
        "/Autodiscover/Autodiscover.xml",
        method="POST",
        content=QUESTION % (kind, address, schema),
        headers={"Content-Type": "text/xml", **more},
    )


@pytest.fixture(scope="module")
def domain(suite: Suite) -> Iterator[str]:
    """A domain that comes while everything runs, and goes."""
    name = f"{uuid.uuid4().hex[:8]}.example"
    host = f"mta-sts.{name}"
    assert ask(suite, host, "/.well-known/mta-sts.txt", checked=False).status_code == 404
    suite.keryx("domain", "add", name)
    yield name
    suite.keryx("domain", "remove", name, "--force")


# --- Thunderbird and others


def test_thunderbird_finds_servers_that_let_it_in(suite: Suite) -> None:
    address, password = suite.account("bird")
    query = f"?emailaddress={address.replace('@', '%40')}"
    answer = ask(suite, "autoconfig.example.org", f"/mail/config-v1.1.xml{query}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    provider = ElementTree.fromstring(answer.content).find("emailProvider")
    assert provider is not None
    assert (provider.get("id"), provider.findtext("domain")) == ("example.org", "example.org")
    incoming = provider.find("incomingServer")
    assert incoming is not None
    assert (incoming.get("type"), incoming.findtext("socketType")) == ("imap", "SSL")
    assert incoming.findtext("hostname") == "mail.example.org"
    assert incoming.findtext("username") == "%EMAILADDRESS%"
    port = int(incoming.findtext("port") or 0)
    with imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=network.unverified_tls()) as session:
        assert session.login(address, password)[0] == "OK"
    outgoing = provider.findall("outgoingServer")
    assert [(one.findtext("socketType"), one.findtext("port")) for one in outgoing] == [
        ("SSL", str(suite.port("submissions"))),
        ("STARTTLS", str(suite.port("submission"))),
    ]


def test_the_well_known_path_needs_no_address(suite: Suite, domain: str) -> None:
    path = "/.well-known/autoconfig/mail/config-v1.1.xml"
    for host, wanted in ((domain, domain), ("mail.example.org", "example.org")):
        answer = ask(suite, host, path, checked=False)
        provider = ElementTree.fromstring(answer.content).find("emailProvider")
        assert provider is not None
        assert provider.get("id") == wanted


# --- Outlook and phones


def test_outlook_gets_mail_servers(suite: Suite, domain: str) -> None:
    address = f"anybody@{domain}"
    answer = post(suite, address, "outlook")
    assert answer.status_code == 200
    found = {}
    for protocol in ElementTree.fromstring(answer.content).iter(f"{OUTLOOK}Protocol"):
        fields = {child.tag.removeprefix(OUTLOOK): child.text for child in protocol}
        found[fields["Type"]] = fields
    assert list(found) == ["IMAP", "POP3", "SMTP"]
    assert found["IMAP"]["Port"] == str(suite.port("imaps"))
    assert found["SMTP"]["Port"] == str(suite.port("submissions"))
    for fields in found.values():
        assert (fields["Server"], fields["LoginName"]) == ("mail.example.org", address)
        assert (fields["SSL"], fields["Encryption"], fields["SPA"]) == ("on", "SSL", "off")


def test_a_phone_gets_activesync_whatever_password_it_sends(suite: Suite) -> None:
    basic = base64.b64encode(b"nobody@example.org:wrong").decode()
    for more in ({}, {"Authorization": f"Basic {basic}"}):
        answer = post(suite, "nobody@example.org", "mobilesync", **more)
        assert answer.status_code == 200
        server = next(ElementTree.fromstring(answer.content).iter(f"{MOBILE}Server"))
        assert server.findtext(f"{MOBILE}Type") == "MobileSync"
        url = f"https://mail.example.org:{suite.port('https')}/Microsoft-Server-ActiveSync"
        assert server.findtext(f"{MOBILE}Url") == url


@pytest.mark.parametrize(
    "path",
    [
        "/autodiscover/autodiscover.json?Email=alice%40example.org&Protocol=ActiveSync&RedirectCount=1",
        "/Autodiscover/Autodiscover.json/v1.0/alice@example.org?Protocol=activesync&RedirectCount=1",
    ],
)
def test_the_second_version_tells_where_activesync_is(suite: Suite, path: str) -> None:
    answer = ask(suite, "autodiscover.example.org", path).json()
    setup = client_setup.of(suite.site, "example.org")
    assert answer == {"Protocol": "ActiveSync", "Url": setup.activesync}


def test_the_second_version_as_outlook_writes_it(suite: Suite) -> None:
    path = "/autodiscover/autodiscover.json/v1.0/alice@example.org"
    found = ask(suite, "mail.example.org", f"{path}?Protocol=Autodiscoverv1&RedirectCount=1").json()
    assert found == {
        "Protocol": "AutodiscoverV1",
        "Url": f"{suite.site.base_url}/autodiscover/autodiscover.xml",
    }
    refused = ask(suite, "mail.example.org", f"{path}?Protocol=Ews")
    assert (refused.status_code, refused.json()["ErrorCode"]) == (400, "InvalidProtocol")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "600"),
        ("<x/>", "600"),
        ("<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>", "600"),
        (QUESTION % ("outlook", "no address", "x"), "600"),
        (QUESTION % ("outlook", "alice@example.org", "http://elsewhere.example/schema"), "601"),
    ],
)
def test_what_cannot_be_answered_is_said_in_the_protocols_way(suite: Suite, content: str, code: str) -> None:
    answer = ask(suite, "mail.example.org", "/autodiscover/autodiscover.xml", method="POST", content=content)
    assert answer.status_code == 200
    assert f"<ErrorCode>{code}</ErrorCode>" in answer.text
    assert "root:" not in answer.text


# --- Apple


def test_an_iphone_gets_a_profile_that_the_server_signed(suite: Suite, tmp_path: Path) -> None:
    path = "/setup/keryx.mobileconfig?address=alice%40example.org&name=Alice%20%C3%84"
    answer = ask(suite, "mail.example.org", path)
    assert answer.headers["content-type"] == "application/x-apple-aspen-config"
    (tmp_path / "profile").write_bytes(answer.content)
    verify = ["openssl", "cms", "-verify", "-inform", "DER", "-purpose", "any"]
    files = ["-CAfile", f"{suite.home}/tls/ca.pem", "-in", f"{tmp_path}/profile", "-out", f"{tmp_path}/plist"]
    run([*verify, *files])
    profile = plistlib.loads((tmp_path / "plist").read_bytes())
    mail, *dav = profile["PayloadContent"]
    assert (mail["EmailAccountName"], mail["EmailAddress"]) == ("Alice Ä", "alice@example.org")
    assert mail["IncomingMailServerPortNumber"] == suite.port("imaps")
    assert [part["PayloadType"] for part in dav] == ["com.apple.caldav.account", "com.apple.carddav.account"]


# --- the page for people


def test_the_page_shows_what_to_type_in(suite: Suite, domain: str) -> None:
    answer = ask(suite, "mail.example.org", f"/setup?address=alice%40{domain}")
    text = html.unescape(answer.text)
    for word in ("mail.example.org", f"alice@{domain}", str(suite.port("imaps")), "data:image/svg+xml"):
        assert word in text
    assert f"keryx.mobileconfig?address=alice%40{domain}" in text
    assert "unsafe" not in answer.headers["content-security-policy"]
    german = ask(suite, "mail.example.org", "/setup", headers={"Accept-Language": "de"})
    assert '<html lang="de"' in german.text


def test_what_is_typed_in_is_text(suite: Suite) -> None:
    answer = ask(suite, "mail.example.org", "/setup?address=%3Cscript%3Ealert(1)%3C/script%3E%40example.org")
    assert answer.status_code == 400
    assert "<script>alert" not in answer.text


# --- nobody learns who has an account


def blank(suite: Suite, path: str, address: str) -> str:
    """Return an answer without the address, and without its picture, the QR code."""
    encoded = address.replace("@", "%40")
    text = ask(suite, "mail.example.org", path.format(encoded)).text
    return re.sub(r"data:image[^\"]+", "", text.replace(address, "X").replace(encoded, "X"))


def test_the_answers_are_the_same_for_all_addresses_of_a_domain(suite: Suite) -> None:
    known, _ = suite.account("known")
    unknown = known.replace("known", "wonkn")
    for path in (
        "/mail/config-v1.1.xml?emailaddress={}",
        "/autodiscover/autodiscover.json?Email={}&Protocol=ActiveSync",
        "/setup?address={}",
    ):
        assert blank(suite, path, known) == blank(suite, path, unknown)
    for kind in ("outlook", "mobilesync"):
        assert post(suite, known, kind).text.replace(known, "X") == post(suite, unknown, kind).text.replace(
            unknown, "X"
        )


def test_domains_that_are_not_ours_are_not_found(suite: Suite) -> None:
    for host, path in (
        ("autoconfig.foreign.example", "/mail/config-v1.1.xml"),
        ("mail.example.org", "/mail/config-v1.1.xml?emailaddress=a%40foreign.example"),
        ("mail.example.org", "/autodiscover/autodiscover.json?Email=a%40foreign.example&Protocol=ActiveSync"),
        ("mail.example.org", "/setup?address=a%40foreign.example"),
        ("mail.example.org", "/setup/keryx.mobileconfig?address=a%40foreign.example"),
        ("mta-sts.foreign.example", "/.well-known/mta-sts.txt"),
    ):
        assert ask(suite, host, path, checked=False).status_code == 404, (host, path)
    assert post(suite, "a@foreign.example", "outlook").status_code == 404


# --- MTA-STS


def test_every_managed_domain_has_its_policy(suite: Suite, domain: str) -> None:
    for name in ("example.org", domain):
        answer = ask(suite, f"mta-sts.{name}", "/.well-known/mta-sts.txt", checked=name == "example.org")
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.text == mta_sts.policy(suite.site)
        assert "mode: testing\r\nmx: mail.example.org\r\n" in answer.text
    zone = suite.keryx("domain", "show", domain).stdout
    assert f'_mta-sts.{domain}. 3600 IN TXT "v=STSv1; id={mta_sts.identifier(suite.site)}"' in zone
