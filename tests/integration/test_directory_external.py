"""An LDAP server that is not ours: StartTLS, LDAPS, certificates, read-only, unreachable."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from keryx.admin import accounts, aliases, domains
from keryx.admin.accounts import Changes, NewAccount
from keryx.core import errors, files
from keryx.host import home as homes
from keryx.settings.site import Site
from keryx.tls import authority
from tests.integration.slapd import ROOT, Slapd
from tests.running import free_port

GOOD = "wonder-land-rabbit"
# libldap takes localhost for the machine's own name when it looks at a certificate.
NAMES = sorted({"localhost", socket.gethostname(), socket.getfqdn()})


@dataclass
class Server:
    """Somebody's LDAP server with a certificate for this machine."""

    slapd: Slapd
    tls: Path
    plain: int
    secure: int


@pytest.fixture(scope="session")
def server(make_slapd: Callable[..., Slapd]) -> Server:
    slapd = make_slapd()
    tls = slapd.home / "server-tls"
    authority.ensure(tls, NAMES)
    uid, gid = files.identifiers("openldap", "openldap")
    for path in (tls, *tls.iterdir()):
        os.chown(path, uid, gid)
    slapd.as_root(
        "ldapmodify",
        input="dn: cn=config\nchangetype: modify\n"
        f"replace: olcTLSCertificateFile\nolcTLSCertificateFile: {tls}/cert.pem\n-\n"
        f"replace: olcTLSCertificateKeyFile\nolcTLSCertificateKeyFile: {tls}/key.pem\n",
    )
    slapd.stop()
    plain, secure = free_port(), free_port()
    slapd.start(f"ldap://127.0.0.1:{plain}/", f"ldaps://127.0.0.1:{secure}/")
    domains.add(slapd.site, "example.org")
    accounts.add(slapd.site, NewAccount("alice@example.org", GOOD, name="Alice"))
    return Server(slapd, tls, plain, secure)


Make = Callable[..., Site]


@pytest.fixture
def home() -> Iterator[Path]:
    """A home with a short path: sockets stand below it."""
    with tempfile.TemporaryDirectory(prefix="keryx-ext-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def external(server: Server, home: Path) -> Make:
    """Return a site whose directory is the server, reached as the settings say."""

    def make(uri: str, *, starttls: bool = False, ca: Path | None = None, write: bool = True) -> Site:
        source = server.slapd.site
        for name in ("reader", "admin"):
            (home / name).write_text(source.secrets.get(f"ldap-{name}").reveal() + "\n")
        lines = [
            "domain: example.org",
            "directory:",
            "  embedded: false",
            f"  uri: {uri.format(plain=server.plain, secure=server.secure)}",
            f"  starttls: {str(starttls).lower()}",
            f"  ca: {ca or server.tls / 'ca.pem'}",
            f"  root_dn: {ROOT}",
            f"  bind_dn: cn=reader,{ROOT}",
            f"  bind_password_file: {home / 'reader'}",
            f"  admin_dn: cn=admin,{ROOT}",
            f"  admin_password_file: {home / 'admin'}" if write else "",
            "  timeout: 2",
        ]
        (home / "keryx.yaml").write_text("\n".join(lines) + "\n")
        return homes.site(home)

    return make


@pytest.mark.parametrize(
    ("uri", "starttls"), [("ldap://localhost:{plain}", True), ("ldaps://localhost:{secure}", False)]
)
class TestTls:
    def test_the_directory_is_read_and_written(self, external: Make, uri: str, starttls: bool) -> None:
        site = external(uri, starttls=starttls)
        assert accounts.show(site, "alice@example.org").name == "Alice"
        accounts.change(site, "alice@example.org", Changes(quota_mb=123))
        accounts.change(site, "alice@example.org", Changes(quota_mb=5120))

    def test_a_certificate_of_another_authority_is_refused(
        self, external: Make, home: Path, uri: str, starttls: bool
    ) -> None:
        authority.ensure(home / "wrong", NAMES)
        site = external(uri, starttls=starttls, ca=home / "wrong" / "ca.pem")
        with pytest.raises(errors.Unreachable, match="does not answer") as refusal:
            accounts.all_of(site)
        assert "directory.ca" in refusal.value.remedy

    def test_a_certificate_for_another_name_is_refused(
        self, external: Make, uri: str, starttls: bool
    ) -> None:
        site = external(uri.replace("localhost", "127.0.0.1"), starttls=starttls)
        with pytest.raises(errors.Unreachable):
            accounts.all_of(site)


class TestReadOnly:
    @pytest.mark.parametrize(
        "change",
        [
            lambda site: domains.add(site, "new.example"),
            lambda site: domains.change(site, "example.org", description="x"),
            lambda site: domains.remove(site, "example.org", force=True),
            lambda site: accounts.add(site, NewAccount("bob@example.org", GOOD)),
            lambda site: accounts.change(site, "alice@example.org", Changes(active=False)),
            lambda site: accounts.set_password(site, "alice@example.org", GOOD),
            lambda site: accounts.remove(site, "alice@example.org", force=True, purge_mail=True),
            lambda site: aliases.add(site, "x@example.org", ["alice@example.org"]),
            lambda site: aliases.remove(site, "postmaster@example.org"),
        ],
    )
    def test_every_change_is_refused_with_a_sentence(
        self, external: Make, change: Callable[[Site], object]
    ) -> None:
        site = external("ldap://localhost:{plain}", starttls=True, write=False)
        before = (accounts.all_of(site), aliases.all_of(site), domains.all_of(site))
        with pytest.raises(errors.Refused, match="read-only"):
            change(site)
        assert (accounts.all_of(site), aliases.all_of(site), domains.all_of(site)) == before


class TestUnreachable:
    def test_nobody_listens(self, external: Make) -> None:
        site = external(f"ldap://localhost:{free_port()}")
        with pytest.raises(errors.Unreachable, match="does not answer") as refusal:
            accounts.all_of(site)
        assert "directory.uri" in refusal.value.remedy

    def test_a_server_that_accepts_and_says_nothing_is_given_up(self, external: Make) -> None:
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            site = external(f"ldap://127.0.0.1:{silent.getsockname()[1]}")
            with pytest.raises(errors.Unreachable, match="does not answer"):
                accounts.all_of(site)

    def test_a_wrong_password_names_the_setting(self, external: Make, home: Path) -> None:
        site = external("ldap://localhost:{plain}", starttls=True)
        (home / "reader").write_text("wrong\n")
        with pytest.raises(errors.KeryxError, match="refuses the login of cn=reader") as refusal:
            accounts.all_of(site)
        assert "bind_password_file" in refusal.value.remedy
