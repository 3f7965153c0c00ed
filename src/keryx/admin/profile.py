"""Apple's configuration profile: one file that sets up mail, calendars and contacts on a device.

Format: https://developer.apple.com/documentation/devicemanagement (payloads com.apple.mail.managed,
com.apple.caldav.account, com.apple.carddav.account), a property list, signed (RFC 5652). It holds no
password: the device asks for it. What identifies it is made of host and address, so that installing
it again replaces the earlier one.
"""

from __future__ import annotations

import base64
import plistlib
import urllib.parse
import uuid
from typing import Any

from keryx.admin import addresses, client_setup
from keryx.admin.client_setup import ClientSetup, Server
from keryx.core import errors
from keryx.core.privileged import privileged
from keryx.settings.site import Site
from keryx.tls import cms

LONGEST_NAME = 200
"""Characters of a person's name."""


@privileged(timeout=20, place="store")
def signed(site: Site, address: str, name: str) -> str:
    """Return the profile for an address, signed with the server's certificate (DER in base64).

    Raises NotFound for an address of a domain that is not ours. Root's part: the key is root's, and
    only what is made here is ever signed with it.
    """
    address = addresses.target_address(address)
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise errors.BadInput(
            "That is no name of a person.", remedy=f"Use at most {LONGEST_NAME} printable characters."
        )
    domain = client_setup.managed(site, client_setup.domain_of(address))
    setup = client_setup.of(site, domain)
    profile = cms.sign(plain(site, setup, address, name), site.certificate, site.certificate_key)
    return base64.b64encode(profile).decode()


def plain(site: Site, setup: ClientSetup, address: str, name: str) -> bytes:
    """Return the profile without its signature; raises BadInput when neither IMAP nor POP3 is on."""
    parts = [_mail(setup, address, name)]
    if setup.caldav:
        parts.append(_dav("CalDAV", "com.apple.caldav.account", setup.caldav, address, setup.domain))
    if setup.carddav:
        parts.append(_dav("CardDAV", "com.apple.carddav.account", setup.carddav, address, setup.domain))
    host = site.settings.host
    reverse = ".".join(reversed(host.split(".")))
    for part in parts:
        part |= {
            "PayloadVersion": 1,
            "PayloadIdentifier": f"{reverse}.{_uuid(host, address)}.{part['PayloadType']}",
            "PayloadUUID": _uuid(host, address, part["PayloadType"]),
        }
    profile = {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": f"{reverse}.{_uuid(host, address)}",
        "PayloadUUID": _uuid(host, address),
        "PayloadDisplayName": address,
        "PayloadDescription": f"Mail, calendars and contacts of {address} at {host}.",
        "PayloadOrganization": setup.domain,
        "PayloadRemovalDisallowed": False,
        "PayloadContent": parts,
    }
    return plistlib.dumps(profile)


def _mail(setup: ClientSetup, address: str, name: str) -> dict[str, Any]:
    incoming, outgoing = setup.best("imap") or setup.best("pop3"), setup.best("smtp")
    if incoming is None or outgoing is None:
        raise errors.BadInput(
            "There is no profile: this server offers no IMAP or POP3, or no submission.",
            remedy="Ask its administrator.",
        )
    return {
        "PayloadType": "com.apple.mail.managed",
        "PayloadDisplayName": f"Mail ({address})",
        "EmailAccountName": name or address,
        "EmailAccountDescription": address,
        "EmailAccountType": "EmailTypeIMAP" if incoming.protocol == "imap" else "EmailTypePOP",
        "EmailAddress": address,
        **_server("Incoming", incoming, address),
        **_server("Outgoing", outgoing, address),
        "OutgoingPasswordSameAsIncomingPassword": True,
        "SMIMEEnabled": False,
    }


def _server(which: str, server: Server, address: str) -> dict[str, Any]:
    # UseSSL covers both: the device begins with TLS or upgrades, as the port answers.
    return {
        f"{which}MailServerHostName": server.host,
        f"{which}MailServerPortNumber": server.port,
        f"{which}MailServerUseSSL": True,
        f"{which}MailServerUsername": address,
        f"{which}MailServerAuthentication": "EmailAuthPassword",
    }


def _dav(kind: str, payload: str, url: str, address: str, domain: str) -> dict[str, Any]:
    parts = urllib.parse.urlsplit(url)
    what = "Calendars" if kind == "CalDAV" else "Contacts"
    return {
        "PayloadType": payload,
        "PayloadDisplayName": f"{what} ({address})",
        f"{kind}AccountDescription": f"{domain} {what.lower()}",
        f"{kind}HostName": parts.hostname,
        f"{kind}Port": parts.port or 443,
        f"{kind}PrincipalURL": f"{parts.path}{urllib.parse.quote(address)}/",
        f"{kind}UseSSL": True,
        f"{kind}Username": address,
    }


def _uuid(*words: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(("https:/", *words)))).upper()
