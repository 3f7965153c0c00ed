"""Everything that Postfix's templates print, decided here: main.cf, master.cf and their maps."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from keryx.components.postfix import lookups, parameters
from keryx.components.postfix.settings import PostfixSettings, Relayhost
from keryx.core import secret
from keryx.core.files import File
from keryx.core.network import Endpoint
from keryx.core.render import render
from keryx.settings.site import PODS_DOOR, Site

INTERFACES = "maps/interfaces"
"""A file of no other use than to tell by its change that Postfix must be restarted."""
SYSTEM_CA = "/etc/ssl/certs/ca-certificates.crt"
DIRECT = "smtp"
WRAPPER = "smtp-tls"
PTR_CHECKS = {
    "exists": "reject_unknown_reverse_client_hostname",
    "matches": "reject_unknown_client_hostname",
}


@dataclass(frozen=True)
class Submission:
    """A submission service in master.cf."""

    name: str
    title: str
    listen: str
    wrapper: bool = False
    proxied: bool = False
    inner: bool = False
    """Whether it is for other pods, or this machine's own programs."""


@dataclass(frozen=True)
class Route:
    """A way out for some senders: a regular expression and where to."""

    pattern: str
    transport: str
    nexthop: str


def files_of(site: Site) -> list[File]:
    """Return every file that Postfix reads."""
    etc = site.paths.etc("postfix")
    settings = site.section(PostfixSettings)
    names = _names(site, settings)
    return [
        File(etc / "main.cf", _main(settings, names)),
        File(etc / "master.cf", _template("master.cf", names)),
        *_lookup_files(site, etc / "ldap"),
        *_map_files(site, settings, etc / "maps", names),
        File(
            site.paths.spool / "etc/resolv.conf", _template("resolv.conf", {"resolver": site.resolver.host})
        ),
        File(site.paths.spool / "etc/nsswitch.conf", _template("nsswitch.conf", {})),
    ]


def _template(name: str, names: Mapping[str, object]) -> str:
    return render(__package__ or "", name, **names)


def _main(settings: PostfixSettings, names: Mapping[str, object]) -> str:
    """Return main.cf, where ``postfix.parameters`` takes the place of what it may replace."""
    text = _template("main.cf", names)
    mark = "# --- postfix.parameters"
    ours, separator, theirs = text.partition(mark)
    return parameters.without(ours, set(settings.parameters)) + separator + theirs


def _names(site: Site, settings: PostfixSettings) -> dict[str, object]:
    etc = site.paths.etc("postfix")
    proxied = {name: site.speaks_proxy(name) for name in ("smtp", "submission", "submissions")}
    return {
        "settings": site.settings,
        "postfix": settings,
        "etc": etc,
        "spool": site.paths.spool,
        "data": site.paths.data("postfix") / "state",
        "interfaces": ", ".join(_interfaces(site)),
        "mynetworks": ", ".join(_networks(_trusted(site))),
        "lookups": lookups.lookups(site),
        "role_target": site.settings.role_target,
        "discarded_domain": lookups.DISCARDED.partition("@")[2],
        "sockets": {
            "lmtp": _service(site, site.lmtp),
            "milter": _service(site, site.milter),
            "quota_policy": _service(site, site.quota_policy),
            # Postfix's Dovecot plug-in wants a bare path.
            "sasl": _service(site, site.sasl).removeprefix("unix:"),
        },
        "size_limit": site.settings.message_size_limit_mb * 1024 * 1024,
        "ports": {"smtp": site.port("smtp")},
        "internal": {"smtp": site.internal_smtp},
        "pods": _pods(site),
        "proxied": proxied,
        "submissions": _submissions(site, proxied),
        "postscreen_access": ", ".join(
            # Behind a PROXY header nobody is trusted by address.
            [*([] if proxied["smtp"] else ["permit_mynetworks"]), f"cidr:{etc}/maps/postscreen_access"]
        ),
        "client_checks": _client_checks(settings, etc),
        "ptr_required": PTR_CHECKS.get(settings.check_ptr, ""),
        "helo_checks": _helo_checks(settings, etc),
        "smuggling": _smuggling(site),
        "hide_session": settings.header_privacy and _version(site) >= (3, 10),
        "chain": [copied_pair(site)] if site.given_pair else [site.certificate_key, site.certificate],
        "relay": {
            "transport": _transport(settings.relayhost) if settings.relayhost else DIRECT,
            "nexthop": settings.relayhost.nexthop if settings.relayhost else "",
            "logins": bool(_logins(settings)),
        },
        "srs": _srs(site),
    }


def copied_pair(site: Site) -> Path:
    """Return where Postfix keeps the public certificate of a cluster, with its key, as last taken up.

    Its processes read it time and again, each when it starts: never one that does not fit its key.
    """
    return site.paths.etc("postfix") / "certificate.pem"


def _pods(site: Site) -> dict[str, object] | None:
    """Return what is needed to speak with other pods; None on a machine."""
    door = site.door("postfix", "smtp")
    if door is None:
        return None
    return {
        "port": door.port,
        "name": PODS_DOOR,
        "authority": site.paths.authority,
        "certificate": site.inner_tls.certificate,
        "key": site.inner_tls.key,
        "store": site.lmtp.host,
    }


def _version(site: Site) -> tuple[int, ...]:
    return site.version("postfix", (3, 7, 11))


def _service(site: Site, endpoint: Endpoint) -> str:
    """Return another daemon's endpoint as the confined daemons reach it."""
    if endpoint.path is None:
        return f"inet:{endpoint.host}:{endpoint.port}"
    return f"unix:{endpoint.path.relative_to(site.paths.spool)}"


def _srs(site: Site) -> dict[str, object]:
    if site.srs_is_socketmap:
        map_name = f"socketmap:{_service(site, site.srs_socketmap)}"
        forward, reverse = f"{map_name}:forward", f"{map_name}:reverse"
    else:
        forward, reverse = f"tcp:{site.srs_forward}", f"tcp:{site.srs_reverse}"
    return {"forward": forward, "reverse": reverse, "reinjection": site.srs_reinjection}


# --- who may do what


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _interfaces(site: Site) -> list[str]:
    given = site.settings.bind
    if not given or any(address.is_unspecified for address in given):
        return ["all"]
    return [str(address) for address in given]


def _trusted(site: Site) -> list[Network]:
    """Return the networks that may relay: the machine itself and ``relay_networks``."""
    own = [ipaddress.ip_network(address) for address in site.settings.bind if not address.is_unspecified]
    loopback = [ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1")]
    return list(dict.fromkeys([*loopback, *own, *site.settings.relay_networks]))


def _networks(networks: Iterable[Network]) -> list[str]:
    """Return networks as mynetworks wants them: IPv6 in brackets."""
    return [
        str(network) if network.version == 4 else f"[{network.network_address}]/{network.prefixlen}"
        for network in networks
    ]


def _submissions(site: Site, proxied: Mapping[str, bool]) -> list[Submission]:
    titles = {
        "submission": "submission with STARTTLS (RFC 6409)",
        "submissions": "submission over TLS (RFC 8314)",
    }
    found = []
    for name, title in titles.items():
        port, wrapper = site.port(name), name == "submissions"
        if port is not None:
            found.append(Submission(name, title, str(port), wrapper, proxied[name]))
        if site.placement is not None:
            # Whatever is open to the world: webmails and applications submit here.
            title, where = f"{title}, for other pods, which know no PROXY header", str(site.inside(name).port)
            found.append(Submission(f"internal-{name}", title, where, wrapper, inner=True))
        elif port is not None and proxied[name]:
            title = f"{title}, for this machine's own programs, which know no PROXY header"
            found.append(Submission(f"internal-{name}", title, str(site.inside(name)), wrapper, inner=True))
    return found


def _client_checks(settings: PostfixSettings, etc: Path) -> list[str]:
    if settings.check_ptr == "none":
        return []
    return [
        f"check_client_access cidr:{etc}/maps/ptr_networks",
        # Postfix lets nobody pass by a name that the client chose; this table tells whom to check.
        f"check_reverse_client_hostname_access pcre:{etc}/maps/ptr_names",
    ]


def _helo_checks(settings: PostfixSettings, etc: Path) -> list[str]:
    if settings.check_helo == "none":
        return []
    checks = [
        f"check_helo_access texthash:{etc}/maps/helo_names",
        "reject_invalid_helo_hostname",
        "reject_non_fqdn_helo_hostname",
    ]
    return [*checks, "reject_unknown_helo_hostname"] if settings.check_helo == "resolves" else checks


def _smuggling(site: Site) -> dict[str, str]:
    """Return the guards against SMTP smuggling that this Postfix knows.

    ``normalize`` came with 3.9 and was brought back to 3.8.5 and 3.7.10.
    """
    version = _version(site)
    known = version >= (3, 8, 5) or (3, 7, 10) <= version < (3, 8)
    return {
        "smtpd_forbid_bare_newline": "normalize" if known else "yes",
        "smtpd_forbid_bare_newline_exclusions": "",
        "smtpd_forbid_unauth_pipelining": "yes",
    }


# --- ways out


def _transport(relayhost: Relayhost) -> str:
    return WRAPPER if relayhost.tls == "wrapper" else DIRECT


def _routes(settings: PostfixSettings) -> list[Route]:
    """Return the senders' own relayhosts, addresses before domains."""
    ordered = sorted(settings.sender_relayhosts.items(), key=lambda item: ("@" not in item[0], item[0]))
    return [
        Route(
            f"^{_literal(sender)}$" if "@" in sender else f"@{_literal(sender)}$",
            _transport(relayhost),
            relayhost.nexthop,
        )
        for sender, relayhost in ordered
    ]


def _literal(text: str) -> str:
    """Return the text for use in pcre_table(5), where a slash ends the expression."""
    return re.escape(text).replace("/", r"\/")


def _relayhosts(settings: PostfixSettings) -> list[Relayhost]:
    one = [settings.relayhost] if settings.relayhost else []
    return [*one, *settings.sender_relayhosts.values()]


def _logins(settings: PostfixSettings) -> list[tuple[str, Relayhost]]:
    """Return who logs in where: senders as Postfix looks them up, and hosts."""
    found = [
        (sender if "@" in sender else f"@{sender}", relayhost)
        for sender, relayhost in settings.sender_relayhosts.items()
        if relayhost.user
    ]
    if settings.relayhost and settings.relayhost.user:
        found.append((settings.relayhost.nexthop, settings.relayhost))
    return found


def _tls_policies(settings: PostfixSettings) -> dict[str, str]:
    policies = {
        relayhost.nexthop: "secure match=nexthop" if relayhost.tls == "wrapper" else relayhost.tls
        for relayhost in _relayhosts(settings)
    }
    return {**policies, **settings.tls_policy}


# --- files


def _lookup_files(site: Site, folder: Path) -> list[File]:
    access, wanted = site.directory, site.settings.directory
    names = {
        "uri": access.uri,
        "starttls": access.starttls,
        "tls": access.starttls or access.uri.startswith("ldaps:"),
        "ca": access.ca or SYSTEM_CA,
        "timeout": wanted.timeout,
        "bind_dn": access.bind_dn,
        "password": site.reader_password.reveal(),
    }
    return [
        File(
            folder / f"{lookup.name}.cf",
            _template("lookup.cf", {**names, "lookup": lookup}),
            0o640,
            "root",
            "postfix",
            secret=True,
        )
        for lookup in lookups.lookups(site)
    ]


def _map_files(
    site: Site, settings: PostfixSettings, folder: Path, names: Mapping[str, object]
) -> list[File]:
    srs_domain = {"srs_domain": re.escape(site.settings.domain)}
    spoofed = [*_trusted(site), *site.settings.trusted_proxies]
    refusal = "550 5.7.1 The PROXY header names an address that it may not name"
    networks = [item for item in settings.ptr_allow if not isinstance(item, str)]
    host_names = [re.escape(item) for item in settings.ptr_allow if isinstance(item, str)]
    tables: dict[str, Iterable[tuple[object, str]]] = {
        "interfaces": [(f"# {', '.join(_interfaces(site))}", "")],
        "postscreen_access": settings.postscreen_access.items(),
        "helo_names": [(name, "OK") for name in settings.helo_allow],
        "ptr_networks": [(network, "OK") for network in networks],
        "proxy_spoofing": [(network, refusal) for network in dict.fromkeys(spoofed)],
        "tls_policy": _tls_policies(settings).items(),
    }
    made = [File(folder / name, _template("table", {"rows": list(rows)})) for name, rows in tables.items()]
    patterns: dict[str, Mapping[str, object]] = {
        "ascii_only": {},
        "carried": {},
        "plain": {},
        "ptr_names": {"allowed": host_names},
        "private_headers": {"hide_session": names["hide_session"]},
        "role_addresses": {},
        "sender_routes": {"routes": _routes(settings)},
        "srs_addresses": srs_domain,
        "srs_filter": srs_domain,
    }
    made += [File(folder / name, _template(name, values)) for name, values in patterns.items()]
    return [*made, _relay_logins(settings, folder)] if _logins(settings) else made


def _relay_logins(settings: PostfixSettings, folder: Path) -> File:
    """Return the file with the logins; the SMTP client reads it before it gives up root's rights."""
    rows = [
        (key, f"{relayhost.user}:{secret.read(relayhost.password_file).reveal()}")
        for key, relayhost in _logins(settings)
        if relayhost.password_file is not None
    ]
    return File(folder / "relay_logins", _template("table", {"rows": rows}), 0o600, secret=True)
