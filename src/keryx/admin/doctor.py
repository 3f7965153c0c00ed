"""Is the suite well? The checks as data: the command line prints them, the UI shows them.

Each check asks the running suite one question the way its users do, and brings the remedy with
the bad news. ``checks`` lists them; ``keryx.core.check.run`` asks them one after the other. What the last run
found is kept, so that the dashboard shows it; ``start`` makes another one while its caller goes on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import secrets
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pydantic
from cryptography import x509

from keryx.admin import accounts, databases, dkim, domains, mail_loop, pods, queue, store
from keryx.components import registry
from keryx.components.component import Component
from keryx.core import check, errors, files, network
from keryx.core.check import Check, Finding, failed, ok, warning
from keryx.core.privileged import privileged
from keryx.core.secret import generate
from keryx.settings.ports import STANDARD, WITHOUT_TLS
from keryx.settings.site import Site
from keryx.tls import authority

RENEW_DAYS = 21
DISK_WARNING = 0.10
OLD_MAIL = datetime.timedelta(hours=4)

# How each protocol with STARTTLS is brought to TLS: (what to say, what the answer begins with).
STARTTLS = {
    "smtp": (b"EHLO doctor.invalid\r\n", b"STARTTLS\r\n", b"220"),
    "submission": (b"EHLO doctor.invalid\r\n", b"STARTTLS\r\n", b"220"),
    "imap": (b"", b"a STARTTLS\r\n", b"a OK"),
    "pop3": (b"", b"STLS\r\n", b"+OK"),
    "sieve": (b"", b"STARTTLS\r\n", b"OK"),
}


def checks(site: Site, login: mail_loop.Login | None = None) -> Iterator[Check]:
    """Yield every check, cheap ones first.

    ``login`` is the account for the mail loop; without one an account is made for the time of
    the check, which needs a directory that Keryx may write.
    """
    wanted = pods.present(site.placement) if site.placement else registry.enabled(site)
    for component in wanted:
        yield Check(f"component.{component.name}", f"{component.name} answers", _ready(component, site))
    for name in STANDARD:
        if site.port(name) is not None and name not in WITHOUT_TLS:
            yield Check(
                f"port.{name}", f"port {site.port(name)} ({name}) shows a good certificate", _port(site, name)
            )
    yield Check("directory.domains", "the directory knows the managed domains", lambda: _domains(site))
    yield Check("directory.postmaster", "somebody gets the postmaster's mail", lambda: _postmaster(site))
    yield from databases.checks(site)
    yield Check("dkim.keys", "every domain has DKIM keys", lambda: _dkim_keys(site))
    if site.placement is None or site.placement.beside("unbound"):
        yield Check("resolver.dnssec", "the resolver validates DNSSEC", lambda: _resolver(site))
    yield Check("disk.space", "there is room on the disk", lambda: _disk(site))
    yield Check("queue.age", "no mail waits for long", lambda: _queue(site))
    if site.settings.mailboxes:
        way = "a message goes from submission to the mailbox"
        yield Check("mail.loop", way, lambda: _mail_loop(site, login))


# --- the latest run


@dataclass(frozen=True)
class Latest:
    """What the latest run found, as far as it has come."""

    at: datetime.datetime | None
    """When it began; None when there was none yet."""
    running: bool
    """Whether one is under way: the results are then still becoming more."""
    results: tuple[check.Result, ...]


_LATEST = pydantic.TypeAdapter(Latest)
_RUNNING = threading.Lock()
"""Held by the run in the background; there is one process that makes them."""


@privileged()
def latest(site: Site) -> Latest:
    """Return what the latest run found, whoever made it."""
    try:
        found = _LATEST.validate_json(_kept(site).read_bytes())
    except (FileNotFoundError, ValueError):
        return Latest(None, _RUNNING.locked(), ())
    return dataclasses.replace(found, running=_RUNNING.locked())


@privileged()
def start(site: Site) -> bool:
    """Begin a run in the background; return False when one is under way already."""
    if not _RUNNING.acquire(blocking=False):
        return False

    def work() -> None:
        try:
            for _ in run(site):
                continue
        finally:
            _RUNNING.release()

    # Not a daemon: when the process is told to end, the account of the mail loop still goes.
    threading.Thread(target=work, name="doctor").start()
    return True


def run(
    site: Site,
    login: mail_loop.Login | None = None,
    *,
    begin: Callable[[Check], None] = lambda planned: None,
) -> Iterator[check.Result]:
    """Make every check, yielding results as they come, and keep them as the latest.

    ``begin`` is told of each check before it is made.
    """
    at = datetime.datetime.now(datetime.UTC)
    results: list[check.Result] = []
    _keep(site, Latest(at, True, ()))
    for planned in checks(site, login):
        begin(planned)
        (result,) = check.run([planned])
        results.append(result)
        _keep(site, Latest(at, True, tuple(results)))
        yield result


def _keep(site: Site, latest: Latest) -> None:
    # In a cluster it is the web process's own.
    mode, group = (0o600, "root") if site.placement is None else (0o640, "keryx")
    files.write(_kept(site), _LATEST.dump_json(latest, indent=1) + b"\n", mode=mode, group=group)


def _kept(site: Site) -> Path:
    folder = site.paths.state if site.placement is None else site.paths.run("admin")
    return folder / "doctor.json"


def _ready(component: Component, site: Site) -> Callable[[], Finding]:
    def probe() -> Finding:
        if site.placement is not None:
            told = pods.status(site, site.placement, component)
            remedy = f"See the log of the container {component.name}."
            return ok(f"{component.name} answers.") if told.ready else failed(told.sentence, remedy)
        try:
            component.ready(site)
        except errors.NotReady as error:
            return failed(
                error.sentence, f"See keryx logs {component.name}; then keryx restart {component.name}."
            )
        return ok(f"{component.name} answers.")

    return probe


def _port(site: Site, name: str) -> Callable[[], Finding]:
    def probe() -> Finding:
        certificate = served_certificate(site, name)
        left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
        host = site.settings.host
        if left.total_seconds() <= 0:
            return failed(
                f"The certificate at {name} ended on {certificate.not_valid_after_utc:%Y-%m-%d}.",
                "Renew it; then keryx up.",
            )
        if not _is_for(certificate, host):
            return failed(
                f"The certificate at {name} is for {', '.join(authority.names_of(certificate))}, not {host}.",
                "Set hostname or tls.certificate in keryx.yaml; then keryx up.",
            )
        if missing := [other for other in _names_at(site, name) if not _is_for(certificate, other)]:
            return warning(
                f"The certificate at {name} is not for {', '.join(missing)}, where clients are sent.",
                "Request one for all names of the section web; then keryx up.",
            )
        if left.days < RENEW_DAYS:
            return warning(f"The certificate at {name} ends in {left.days} days.", "Renew it; then keryx up.")
        return ok(f"{name} at {site.port(name)} shows a certificate for {host}, good for {left.days} days.")

    return probe


def served_certificate(site: Site, name: str) -> x509.Certificate:
    """Return the certificate that a port really shows; raises NotReady when it shows none.

    Ports for load balancers are asked at their internal door beside them.
    """
    endpoint = site.inside(name)
    stream = network.connect(endpoint, timeout=30)
    try:
        if name in STARTTLS:
            _start_tls(stream, name)
        with network.unverified_tls().wrap_socket(stream, server_hostname=site.settings.host) as shown:
            encoded = shown.getpeercert(binary_form=True)
    except (OSError, ssl.SSLError) as error:
        raise errors.NotReady(
            f"{name} at {endpoint} does not speak TLS: {error}.",
            remedy="See keryx status and the component's log.",
        ) from error
    finally:
        stream.close()
    if not encoded:
        raise errors.NotReady(f"{name} at {endpoint} shows no certificate.")
    return x509.load_der_x509_certificate(encoded)


def _start_tls(stream: socket.socket, name: str) -> None:
    hello, command, expected = STARTTLS[name]
    _answer(stream, name)
    if hello:
        stream.sendall(hello)
        _answer(stream, name)
    stream.sendall(command)
    if not _answer(stream, name).startswith(expected):
        raise OSError("STARTTLS is refused")


def _answer(stream: socket.socket, name: str) -> bytes:
    """Read one reply, of several lines where the protocol has them."""
    text = b""
    while True:
        piece = stream.recv(4096)
        if not piece:
            raise OSError("the connection was closed")
        text += piece
        last = text.rstrip(b"\r\n").rpartition(b"\n")[2]
        if not text.endswith(b"\n"):
            continue
        if name in ("smtp", "submission") and last[3:4] == b"-":
            continue
        if name == "sieve" and not last.startswith((b"OK", b"NO", b"BYE")):
            continue
        return text if name != "sieve" else last


def _names_at(site: Site, name: str) -> list[str]:
    """Return the names of their own under which clients come to a port (the section ``web``)."""
    if name == "https":
        return [site.web_host(part) for part in ("webmail", "admin", "rspamd")]
    if name == "smtp":
        return []
    return [site.web_host("smtp" if name.startswith("submission") else "imap")]


def _is_for(certificate: x509.Certificate, host: str) -> bool:
    names = [name.lower() for name in authority.names_of(certificate)]
    return host in names or f"*.{host.partition('.')[2]}" in names


def _domains(site: Site) -> Finding:
    names = [domain.name for domain in domains.all_of(site)]
    if not names:
        return failed("The directory holds no domain.", f"Add one: keryx domain add {site.settings.domain}")
    if site.settings.domain not in names:
        return warning(
            f"The site's domain {site.settings.domain} is not in the directory.",
            f"Add it: keryx domain add {site.settings.domain}",
        )
    return ok(f"{len(names)} domains: {', '.join(sorted(names)[:5])}{' ...' if len(names) > 5 else ''}.")


def _postmaster(site: Site) -> Finding:
    target, absent = site.settings.role_target, domains.absent_target(site)
    if absent:
        return warning(
            f"{absent}, who should get the mail of postmaster and abuse, is no address here.",
            f"Add it: keryx user add {absent}; or name somebody else in postmaster in keryx.yaml.",
        )
    return ok(f"Mail of postmaster and abuse goes to {target}.")


def _dkim_keys(site: Site) -> Finding:
    without = [domain.name for domain in domains.all_of(site) if not dkim.complete(site, domain.name)]
    if without:
        return warning(
            f"Without DKIM keys: {', '.join(without[:5])}{' ...' if len(without) > 5 else ''}.",
            "Their mail leaves unsigned. Make the keys with: keryx dkim add",
        )
    return ok("Every domain has DKIM keys.")


def _resolver(site: Site) -> Finding:
    """Ask for the root's keys: a validating resolver that reaches the root says so by the AD bit."""
    question = dns.message.make_query(".", "DNSKEY", want_dnssec=True)
    question.flags |= dns.flags.AD
    remedy = (
        "Let this machine reach port 53 (UDP and TCP) of other servers, or name resolvers in "
        "unbound.forwarders. Until then mail to the outside waits; DANE and DNS block lists have no effect."
    )
    try:
        answer = dns.query.udp(
            question, site.resolver.host, timeout=10, port=site.resolver.port, raise_on_truncation=False
        )
    except (OSError, dns.exception.DNSException) as error:
        return failed(f"The resolver at {site.resolver} does not answer: {str(error).rstrip('.')}.", remedy)
    if answer.rcode() != dns.rcode.NOERROR:
        return warning(
            f"The resolver answers {dns.rcode.to_text(answer.rcode())} for the root's keys.", remedy
        )
    if not answer.flags & dns.flags.AD:
        return warning("The resolver does not validate DNSSEC.", remedy)
    return ok(f"The resolver at {site.resolver} answers and validates DNSSEC.")


def _disk(site: Site) -> Finding:
    room = store.disk(site)
    share = room.free / room.total
    sentence = f"{room.free / 2**30:.1f} GiB of {room.total / 2**30:.1f} GiB are free for mail."
    if room.free < site.settings.disk_reserve or room.files_low:
        return failed(sentence, "Mail is being refused for now (452). Make room; it recovers by itself.")
    if share < DISK_WARNING:
        return warning(sentence, "Make room before mail is refused (452).")
    return ok(sentence)


def _queue(site: Site) -> Finding:
    messages = queue.list_messages(site)
    if not messages:
        return ok("The queue is empty.")
    oldest = min(message.arrived for message in messages)
    age = datetime.datetime.now(datetime.UTC) - oldest
    sentence = f"{len(messages)} messages wait, the oldest for {int(age.total_seconds() // 60)} minutes."
    if age > OLD_MAIL:
        return warning(sentence, "See why with keryx queue list; send it now with keryx queue flush.")
    return ok(sentence)


def _mail_loop(site: Site, login: mail_loop.Login | None) -> Finding:
    with contextlib.ExitStack() as stack:
        sender = login or stack.enter_context(_passing_account(site))
        token = secrets.token_hex(8)
        message_id = mail_loop.send(site, sender, token)
        message = mail_loop.read_back(site, sender, message_id)
        domain = sender.address.rpartition("@")[2]
        keys = {key.record_name: key.record_text for key in dkim.show(site, domain)}
        good, count = mail_loop.verify_signatures(message, keys)
    if count == 0:
        return failed(
            f"The message of {sender.address} arrived without a DKIM signature.",
            f"See keryx dkim show {domain} and keryx logs rspamd.",
        )
    if good < count:
        return failed(
            f"{count - good} of {count} DKIM signatures of {domain} do not verify.",
            f"See keryx dkim show {domain} and keryx logs rspamd.",
        )
    return ok(f"Submitted, filtered, delivered, read back; {good} DKIM signatures verify.")


@contextlib.contextmanager
def _passing_account(site: Site) -> Iterator[mail_loop.Login]:
    """Give an account that exists for the time of the check."""
    if not site.directory_writable:
        raise errors.KeryxError(
            "The directory is read-only here, so no test account can be made.",
            remedy="Name an account: keryx doctor --account ADDRESS --password-stdin",
        )
    login = mail_loop.Login(f"keryx-doctor-{secrets.token_hex(4)}@{site.settings.domain}", generate())
    new = accounts.NewAccount(login.address, password=login.password, name="Keryx doctor")
    try:
        # Within: it may be in the directory although adding it did not come to its end.
        accounts.add(site, new)
        yield login
    finally:
        with contextlib.suppress(errors.NotFound):
            accounts.remove(site, login.address, purge_mail=True)
