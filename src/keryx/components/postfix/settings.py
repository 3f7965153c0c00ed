"""The section ``postfix`` of keryx.yaml."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import pydantic

from keryx.components.postfix.parameters import OWNED
from keryx.settings.model import Network
from keryx.settings.names import domain_name, mail_address
from keryx.settings.section import Section

HOST = re.compile(r"\[?[A-Za-z0-9_.:-]+\]?")
DNSBL = re.compile(r"[A-Za-z0-9_.-]+\.[A-Za-z]{2,}(=[0-9.;\[\]]+)?(\*-?[0-9]{1,3})?")
NAME = re.compile(r"[A-Za-z0-9_.\[\]:-]+")
LEVELS = ("none", "may", "encrypt", "dane", "dane-only", "fingerprint", "verify", "secure")


def _sender(text: str) -> str:
    """Return a sender's address or domain, normalised."""
    return mail_address(text) if "@" in text.strip().lstrip("@") else domain_name(text.strip().lstrip("@"))


def _dnsbl(text: str) -> str:
    if not DNSBL.fullmatch(text):
        raise ValueError(f'"{text}" is not a block list; write it as zen.spamhaus.org*3 (zone*weight)')
    return text


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError(f'"{text}" is not a host name; write one such as mx.partner.example')
    return text.lower()


def _host(text: str) -> str:
    if not HOST.fullmatch(text):
        raise ValueError(f'"{text}" is not a host; write a name such as smtp.example.net or an address')
    return text.strip("[]")


def _destination(text: str) -> str:
    if not re.fullmatch(r"\.?[A-Za-z0-9_.-]+|\[[A-Za-z0-9_.:-]+\](:[0-9]+)?", text):
        raise ValueError(
            f'"{text}" is not a destination; write a domain, .domain for its subdomains, or [host]:port'
        )
    return text.lower()


def _policy(text: str) -> str:
    if "\n" in text or text.split(" ", 1)[0] not in LEVELS:
        raise ValueError(f'"{text}" is not a TLS policy; begin it with one of {", ".join(LEVELS)}')
    return text


Sender = Annotated[str, pydantic.AfterValidator(_sender)]
Dnsbl = Annotated[str, pydantic.AfterValidator(_dnsbl)]
Name = Annotated[str, pydantic.AfterValidator(_name)]
Host = Annotated[str, pydantic.AfterValidator(_host)]
Destination = Annotated[str, pydantic.AfterValidator(_destination)]
Policy = Annotated[str, pydantic.AfterValidator(_policy)]


class Relayhost(Section):
    """A server that sends on our behalf (smarthost)."""

    host: Host
    """Its name or address; it is used as it is, without asking for its MX."""
    port: int = pydantic.Field(default=587, ge=1, le=65535)
    """TCP port."""
    user: str = ""
    """Login name, if it asks for a login."""
    password_file: Path | None = None
    """File with the password (mode 0600)."""
    tls: Literal["none", "may", "encrypt", "dane", "dane-only", "verify", "secure", "wrapper"] = "secure"
    """How much TLS: ``secure`` demands a certificate for its name from a known authority;
    ``encrypt`` takes any certificate; ``wrapper`` is ``secure`` without STARTTLS (port 465);
    ``none`` only without a login."""

    @pydantic.field_validator("user")
    @classmethod
    def _plain(cls, value: str) -> str:
        if ":" in value or any(character.isspace() for character in value):
            raise ValueError(
                f'"{value}" holds a colon or a space, which Postfix cannot put into a login name'
            )
        return value

    @pydantic.model_validator(mode="after")
    def _login_is_whole_and_safe(self) -> Relayhost:
        if bool(self.user) != (self.password_file is not None):
            raise ValueError("user and password_file belong together; set both or none")
        if self.user and self.tls in ("none", "may"):
            raise ValueError(
                f'tls: "{self.tls}" could send the login in clear; use encrypt, secure or wrapper'
            )
        return self

    @property
    def nexthop(self) -> str:
        """The server as Postfix writes it; brackets mean: no MX lookup."""
        return f"[{self.host}]:{self.port}"


class PostfixSettings(Section):
    """Postfix: mail in and out."""

    section_name: ClassVar[str] = "postfix"

    dnsbl: tuple[Dnsbl, ...] = ()
    """DNS block lists that postscreen asks about a client, with a weight: ``zen.spamhaus.org*3``.
    Empty by default: lists have terms of use. A negative weight is an allow list."""
    dnsbl_threshold: int = pydantic.Field(default=3, ge=1, le=1000)
    """Sum of weights from which a client is refused (550)."""
    greet_check: bool = True
    """Let an unknown client wait six seconds for the greeting; who talks first is a robot and is
    refused. A client that waited is remembered."""
    postscreen_access: dict[Network, Literal["permit", "reject"]] = pydantic.Field(default_factory=dict)
    """Networks that skip postscreen's tests, or are refused; the first match decides."""
    check_helo: Literal["none", "fqdn", "resolves"] = "fqdn"
    """What a server's HELO name must be: anything, a full name, or a name with an address."""
    helo_allow: tuple[Name, ...] = ()
    """HELO names (or their parent domains) for which ``check_helo`` is waived."""
    check_ptr: Literal["none", "exists", "matches"] = "none"
    """What the reverse name (PTR) of a server's address must be: anything; there; or there and
    resolving back to the address. The filter weighs a missing one in any case."""
    ptr_allow: tuple[Network | Name, ...] = ()
    """Networks, or reverse names (or their parent domains), for which ``check_ptr`` is waived."""
    check_sender_domain: bool = True
    """Refuse a sender whose domain has neither MX nor address: no answer could reach it."""
    relayhost: Relayhost | None = None
    """Send everything through this server instead of directly."""
    sender_relayhosts: dict[Sender, Relayhost] = pydantic.Field(default_factory=dict)
    """Relayhosts for single sender domains or addresses, each with its own login."""
    tls_policy: dict[Destination, Policy] = pydantic.Field(default_factory=dict)
    """TLS policy for single destinations, where DANE or opportunistic TLS is not what you want:
    ``bank.example: secure match=.bank.example`` (https://www.postfix.org/TLS_README.html)."""
    header_privacy: bool = True
    """Remove from submitted mail what tells about the user's machine: its address, its program."""
    retry_days: int = pydantic.Field(default=5, ge=1, le=30)
    """Days during which a message is tried again before it is returned (RFC 5321, 4.5.4.1)."""
    auth_rate_limit: int = pydantic.Field(default=60, ge=0)
    """Login attempts per minute and client address at the submission ports; 0 is unlimited. Per hour:
    ``parameters: {anvil_rate_time_unit: 1h}``."""
    parameters: dict[str, str] = pydantic.Field(default_factory=dict)
    """Any other parameter of main.cf (https://www.postfix.org/postconf.5.html); a name that
    Postfix does not know is refused, and so are one that Keryx must set itself, a value of the
    wrong kind, and 0 where Postfix takes none."""

    @pydantic.field_validator("parameters", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        words = {True: "yes", False: "no"}
        return {
            name: words[item] if isinstance(item, bool) else str(item) if isinstance(item, int) else item
            for name, item in value.items()
        }

    @pydantic.field_validator("parameters")
    @classmethod
    def _foreign_parameters(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if not re.fullmatch(r"[A-Za-z0-9_]+", name):
                raise ValueError(f'"{name}" is not the name of a Postfix parameter; see postconf(5)')
            if name in OWNED:
                raise ValueError(f"{name} is set by Keryx itself; remove it and use Keryx's own settings")
            if "\n" in text or "\r" in text:
                raise ValueError(f"{name} holds a line break; write its value on one line")
        return value
