"""Somebody else's PostgreSQL: over TCP and TLS, with an administrator or without one."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from keryx.components.roundcube import commands
from keryx.core import errors, files
from keryx.core.process import run
from keryx.host import home as homes
from keryx.records import engine, migrations, provision, roles
from keryx.settings.site import Site
from keryx.tls import authority
from tests.postgres import Postgres
from tests.running import free_port

HBA = """\
local   all   postgres   peer   map=keryx
local   all   keryx      scram-sha-256
hostssl all   all        127.0.0.1/32   scram-sha-256
"""


@dataclass
class Server:
    """A server that belongs to others, and suites that use it."""

    postgres: Postgres
    port: int
    ca: Path
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def administrator(self, rights: str = "CREATEROLE CREATEDB") -> str:
        """Make a role for administrators; its password is its name."""
        name = f"administrator{next(self.numbers)}"
        self.postgres.sql(f"CREATE ROLE {name} LOGIN PASSWORD '{name}' {rights}")
        return name

    def site(self, folder: Path, administrator: str = "", **changes: object) -> Site:
        """Return a suite that keeps its records here, under a prefix of its own unless given one."""
        values: dict[str, object] = {
            "embedded": "false",
            "host": "localhost",
            "port": self.port,
            "ca": self.ca,
            "prefix": f"suite{next(self.numbers)}_",
        }
        if administrator:
            (folder / "administrator").write_text(f"{administrator}\n")
            values |= {"admin_user": administrator, "admin_password_file": folder / "administrator"}
        top = "".join(f"{key}: {changes.pop(key)}\n" for key in ("webmail",) if key in changes)
        values |= changes
        lines = [f"  {key}: {value}" for key, value in values.items() if value != ""]
        (folder / "keryx.yaml").write_text("\n".join([f"domain: example.org\n{top}database:", *lines]) + "\n")
        return homes.site(folder)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A home: pytest's own folders have names too long for one."""
    with tempfile.TemporaryDirectory(prefix="keryx-", dir="/tmp") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def server(make_postgres: Callable[..., Postgres]) -> Server:
    postgres = make_postgres()
    postgres.stop()
    tls = postgres.home / "tls"
    authority.ensure(tls, ["localhost"])
    key = postgres.home / "server.key"
    files.write(key, (tls / "key.pem").read_bytes(), mode=0o600, owner="postgres", group="postgres")
    hba = postgres.home / "hba.conf"
    hba.write_text(HBA)
    port = free_port()
    options = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "ssl": "on",
        "ssl_cert_file": tls / "cert.pem",
        "ssl_key_file": key,
        "hba_file": hba,
    }
    # The socket keeps its name: that is how the component's own tools find it.
    socket = postgres.site.paths.run("postgresql")
    os.symlink(socket / f".s.PGSQL.{port}", socket / ".s.PGSQL.5432")
    postgres.start(*(word for name, value in options.items() for word in ("-c", f"{name}={value}")))
    return Server(postgres, port, tls / "ca.pem")


@pytest.mark.parametrize("rights", ["SUPERUSER", "CREATEROLE CREATEDB"])
def test_an_administrator_makes_everything_once(server: Server, folder: Path, rights: str) -> None:
    site = server.site(folder, server.administrator(rights))
    prefix = site.settings.database.prefix
    assert provision.ensure(site) == [
        f"the {kind} {prefix}{name}"
        for name in ("keryx", "sogo", "roundcube")
        for kind in ("role", "database")
    ]
    assert migrations.upgrade(site)
    assert roles.add(site, "alice@example.org")
    (folder / "administrator").unlink()
    assert provision.ensure(site) == [], "the administrator is not needed again"
    query = f"SELECT has_database_privilege('{prefix}sogo', '{prefix}keryx', 'CONNECT')"
    assert server.postgres.sql(query) == "f"
    members = f"SELECT count(*) FROM pg_auth_members WHERE pg_get_userbyid(roleid) = '{prefix}keryx'"
    assert server.postgres.sql(members) == "0", "the administrator has not stayed a member"
    assert site.database("keryx").password.reveal() not in server.postgres.log


def test_one_database_that_is_missing_is_made_and_the_password_kept(server: Server, folder: Path) -> None:
    site = server.site(folder, server.administrator("SUPERUSER"))
    provision.ensure(site)
    prefix = site.settings.database.prefix
    server.postgres.sql(f"DROP DATABASE {prefix}sogo")
    assert provision.ensure(site) == [f"the database {prefix}sogo"]


def test_without_an_administrator_what_is_there_is_used(server: Server, folder: Path) -> None:
    site = server.site(folder, webmail="none")
    access = site.database("keryx")
    server.postgres.sql(f"CREATE ROLE {access.user} LOGIN PASSWORD '{access.password.reveal()}'")
    server.postgres.sql(f"CREATE DATABASE {access.name} OWNER {access.user}")
    assert provision.ensure(site) == []
    assert migrations.upgrade(site)


def test_databases_and_roles_are_called_as_their_administrator_says(server: Server, folder: Path) -> None:
    names, roles_ = "{sogo: Group-ware, roundcube: web}", "{keryx: mail_app, roundcube: web-app}"
    site = server.site(folder, server.administrator(), prefix="ours_", names=names, roles=roles_)
    assert provision.ensure(site) == [
        *("the role mail_app", "the database ours_keryx", "the role Group-ware", "the database Group-ware"),
        *("the role web-app", "the database web"),
    ]
    assert provision.ensure(site) == []
    assert migrations.upgrade(site)
    owners = "SELECT string_agg(pg_get_userbyid(datdba), ' ' ORDER BY datname) FROM pg_database WHERE datname"
    assert server.postgres.sql(f"{owners} IN ('ours_keryx', 'web')") == "mail_app web-app"
    for name in ("keryx", "sogo", "roundcube"):
        # As the webmails' own tools log in.
        access = site.database(name)
        words = commands.psql(access)
        login = {
            "PGPASSWORD": access.password.reveal(),
            "PGSSLMODE": access.sslmode,
            "PGSSLROOTCERT": str(server.ca),
        }
        asked = run([*words, "-At", "-c", "SELECT current_database() || ' ' || current_user"], env=login)
        assert asked.stdout.split() == [access.name, access.user]


def test_without_an_administrator_what_is_missing_is_told(server: Server, folder: Path) -> None:
    site = server.site(folder, prefix="lonely_")
    with pytest.raises(engine.LoginRefused) as caught:
        provision.ensure(site)
    assert caught.value.sentence == (
        f"The database lonely_keryx at localhost:{server.port} refuses the login of lonely_keryx: password "
        'authentication failed for user "lonely_keryx".'
    )
    assert "Make the role lonely_keryx and a database lonely_keryx that it owns" in caught.value.remedy


def test_an_administrator_without_the_right_is_told_which(server: Server, folder: Path) -> None:
    name = server.administrator("NOCREATEROLE")
    with pytest.raises(errors.Refused) as caught:
        provision.ensure(server.site(folder, name))
    assert caught.value.sentence == (
        f"{name} lacks a right at localhost:{server.port}: permission denied to create role."
    )
    assert caught.value.remedy == f"Give it: ALTER ROLE {name} CREATEROLE CREATEDB;"


def test_an_administrator_with_another_password(server: Server, folder: Path) -> None:
    site = server.site(folder, server.administrator())
    (folder / "administrator").write_text("wrong")
    with pytest.raises(engine.LoginRefused) as caught:
        provision.ensure(site)
    assert "refuses the login of administrator" in caught.value.sentence
    assert caught.value.remedy == "Check database.admin_user and database.admin_password_file."


def test_a_server_that_does_not_run(server: Server, folder: Path) -> None:
    site = server.site(folder, server.administrator(), port=1)
    with pytest.raises(errors.Unreachable) as caught:
        provision.ensure(site)
    assert not isinstance(caught.value, engine.LoginRefused)
    name = site.database("keryx").name
    assert caught.value.sentence == f"The database {name} at localhost:1 does not answer: Connection refused."
    assert "Check database.host and database.port" in caught.value.remedy


def test_a_host_that_does_not_exist(server: Server, folder: Path) -> None:
    with pytest.raises(errors.Unreachable, match=r"at nowhere\.invalid:\d+ does not answer"):
        provision.ensure(server.site(folder, host="nowhere.invalid"))


def test_a_certificate_of_another_authority_is_refused(server: Server, folder: Path) -> None:
    authority.ensure(folder / "other", ["localhost"])
    with pytest.raises(errors.Unreachable) as caught:
        provision.ensure(server.site(folder, server.administrator(), ca=folder / "other/ca.pem"))
    assert "certificate verify failed" in caught.value.sentence
    assert "database.ca" in caught.value.remedy
    with pytest.raises(errors.Unreachable, match="certificate verify failed"):
        provision.ensure(server.site(folder, server.administrator(), ca=""))


def test_a_certificate_for_another_host_is_refused_unless_the_settings_say_so(
    server: Server, folder: Path
) -> None:
    name = server.administrator()
    with pytest.raises(errors.Unreachable, match="does not match host name"):
        provision.ensure(server.site(folder, name, host="127.0.0.1"))
    for sslmode in ("verify-ca", "require"):
        assert provision.ensure(server.site(folder, name, host="127.0.0.1", sslmode=sslmode))


def test_a_server_that_wants_tls_refuses_a_connection_without(server: Server, folder: Path) -> None:
    with pytest.raises(errors.KeryxError, match="no encryption"):
        provision.ensure(server.site(folder, server.administrator(), sslmode="disable"))


def test_a_role_of_somebody_elses_is_left_alone(server: Server, folder: Path) -> None:
    site = server.site(folder, server.administrator("SUPERUSER"), prefix="groupware_", webmail="sogo")
    server.postgres.sql("CREATE ROLE groupware_sogo LOGIN PASSWORD 'theirs'")
    before = server.postgres.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'groupware_sogo'")
    with pytest.raises(errors.Refused, match="groupware_sogo exists already at localhost") as caught:
        provision.ensure(site)
    assert "database.sogo_password_file" in caught.value.remedy
    after = server.postgres.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'groupware_sogo'")
    assert after == before


def test_a_copy_of_the_settings_does_not_take_the_databases_away(server: Server, folder: Path) -> None:
    first, second = folder / "first", folder / "second"
    first.mkdir()
    second.mkdir()
    name = server.administrator("SUPERUSER")
    original = server.site(first, name, prefix="twice_")
    provision.ensure(original)
    with pytest.raises(errors.Refused, match="it may serve another installation"):
        provision.ensure(server.site(second, name, prefix="twice_"))
    assert provision.ensure(original) == []


def test_a_changed_password_file_is_taken_up(server: Server, folder: Path) -> None:
    password = folder / "keryx.password"
    password.write_text("the first one")
    name = server.administrator("SUPERUSER")
    site = server.site(folder, name, keryx_password_file=password, webmail="none")
    provision.ensure(site)
    password.write_text("another 'one' \\ with signs")
    site = homes.site(folder)
    assert provision.ensure(site) == [f"a new password of the role {site.database('keryx').user}"]
    assert provision.ensure(site) == []


def test_a_database_in_another_encoding_is_refused(server: Server, folder: Path) -> None:
    site = server.site(folder)
    access = site.database("keryx")
    server.postgres.sql(f"CREATE ROLE {access.user} LOGIN PASSWORD '{access.password.reveal()}'")
    encoding = "ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"
    server.postgres.sql(f"CREATE DATABASE {access.name} OWNER {access.user} {encoding}")
    with pytest.raises(errors.Refused, match="keeps text in SQL_ASCII, not in UTF8"):
        provision.ensure(site)


def test_a_database_of_somebody_elses_is_refused(server: Server, folder: Path) -> None:
    site = server.site(folder, server.administrator("SUPERUSER"))
    access = site.database("keryx")
    server.postgres.sql(f"CREATE DATABASE {access.name}")
    with pytest.raises(errors.Refused) as caught:
        provision.ensure(site)
    assert caught.value.sentence.startswith(f"The role {access.user} may not make tables in the database")
    assert caught.value.remedy == f"Make it the owner: ALTER DATABASE {access.name} OWNER TO {access.user};"


def test_an_administrator_without_a_password_file_is_bad_settings(server: Server, folder: Path) -> None:
    with pytest.raises(errors.BadSettings, match="admin_user needs admin_password_file"):
        server.site(folder, admin_user="postgres")
