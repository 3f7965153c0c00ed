"""The dialects of Debian 13, judged by Debian 13's own daemons in a root of that distribution.

The root is built once (mmdebstrap, a minute) and kept. Everything is written inside it; no daemon
of it stays running.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from keryx.components.component import Command, Component
from keryx.components.dovecot.component import SCRIPTS, Dovecot
from keryx.components.nginx.component import Nginx
from keryx.components.postfix.component import Postfix
from keryx.components.sogo.component import Sogo
from keryx.components.testing import site as make_site
from keryx.core import debian
from keryx.core.files import Directory, File
from keryx.core.process import Completed, run
from keryx.settings.site import GATEWAY, Site, Version
from keryx.tls import authority
from tests.running import free_offset, one_at_a_time, wait_for

ROOT = Path("/var/cache/keryx-tests/trixie")
MIRROR = "http://deb.debian.org/debian"
PACKAGES = (
    "dovecot-core,dovecot-imapd,dovecot-pop3d,dovecot-lmtpd,dovecot-managesieved,dovecot-sieve,"
    "dovecot-ldap,dovecot-flatcurve,dovecot-auth-lua,lua-luaossl,postfix,postfix-ldap,postfix-pcre,nginx,sogo,"
    "postgresql-17,memcached"
)
PROGRAMS = (
    "usr/bin/doveconf",
    "usr/sbin/nginx",
    "usr/lib/dovecot/modules/auth/libauthdb_lua.so",
    "usr/sbin/sogod",
    "usr/lib/postgresql/17/bin/postgres",
)
"""What tells that the root has all of them; one of an earlier list is built anew."""
USERS = ("vmail", "_rspamd", GATEWAY)

MANY_SETTINGS = """\
domain: example.org
log_level: debug
bind: [127.0.0.1]
trusted_proxies: [10.0.0.0/8]
ports:
  imap: false
  imaps: {number: 9993, proxy_protocol: true}
  pop3: false
  submission: {proxy_protocol: true}
  https: {proxy_protocol: true}
web: {webmail_host: webmail.example.org, admin_host: admin.example.org}
directory: {starttls: true, embedded: false, uri: "ldap://ldap.example.com", root_dn: o=example,
  bind_password_file: /etc/hostname, account_object_class: mailUser, filters: {account: "(a=b)"}}
dovecot: {quota_warnings: [], login_trusted_networks: [192.0.2.0/24], auth_cache_seconds: 0}
"""


class Trixie:
    """A root of Debian 13."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, *argv: str | Path, check: bool = True) -> Completed:
        # /dev/stdout leads through /proc. No mount namespace: in a chroot, which is no mount point
        # of its own, there is none to be had.
        with self._proc():
            return run(["chroot", self.root, *argv], check=check, timeout=120)

    @contextmanager
    def running(self, command: Command, log: Path) -> Iterator[None]:
        """Run a daemon beside the block; what it says goes to ``log``. It is killed with all that it left."""
        # Not chroot's own --userspec: it takes the group's number of the machine, not that of the root.
        user = ["setpriv", "--reuid", command.user, "--regid", command.user, "--init-groups", "--"]
        argv = ["chroot", str(self.root), *user, *command.argv]
        with self._proc(), log.open("w") as output:
            env = {**os.environ, **command.env}
            process = subprocess.Popen(argv, env=env, stdout=output, stderr=output, start_new_session=True)
            try:
                yield
            finally:
                self._kill_all()
                process.wait()

    def _kill_all(self) -> None:
        # Found by their root: SOGo's workers are sessions of their own and outlive their watchdog.
        for entry in Path("/proc").glob("[0-9]*/root"):
            with suppress(OSError):
                if entry.readlink() == self.root:
                    os.kill(int(entry.parent.name), signal.SIGKILL)

    @contextmanager
    def _proc(self) -> Iterator[None]:
        run(["mount", "-t", "proc", "proc", self.root / "proc"])
        try:
            yield
        finally:
            run(["umount", "--lazy", self.root / "proc"])

    def versions(self) -> dict[str, Version]:
        listing = self.run("dpkg-query", "-W", "-f", "${Package} ${Version}\n").stdout
        rows = (line.split(" ", 1) for line in listing.splitlines())
        return {name: debian.version(text) for name, text in rows}

    def write(self, component: Component, site: Site) -> None:
        """Write the component's folders and files as ``keryx run`` does on that machine."""
        shutil.rmtree(self._inside(site.paths.home), ignore_errors=True)
        for directory in component.directories(site):
            self._make(directory)
        for file in component.render(site):
            self._install(file)
        authority.ensure(self._inside(site.paths.tls), [site.settings.host])

    def _make(self, directory: Directory) -> None:
        owner = ("-o", directory.owner, "-g", directory.group)
        self.run("install", "-d", "-m", f"{directory.mode:o}", *owner, directory.path)

    def _install(self, file: File) -> None:
        path = self._inside(file.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.content)
        path.chmod(file.mode)
        self.run("chown", f"{file.owner}:{file.group}", file.path)

    def _inside(self, path: Path) -> Path:
        return self.root / path.relative_to("/")


@pytest.fixture
def trixie() -> Iterator[Trixie]:
    """Debian 13 with the daemons, made at first use; no other test writes in it at the same time."""
    with one_at_a_time("trixie"):
        if not all((ROOT / program).exists() for program in PROGRAMS):
            _build()
        root = Trixie(ROOT)
        for user in USERS:
            if root.run("id", user, check=False).returncode != 0:
                root.run("useradd", "--system", "--user-group", user)
        yield root


def _build() -> None:
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.parent.mkdir(parents=True, exist_ok=True)
    # Installed daemons must not start: policy-rc.d(8) says so before the first package arrives.
    policy = 'mkdir -p "$1/usr/sbin"; printf "#!/bin/sh\\nexit 101\\n" >"$1/usr/sbin/policy-rc.d"; '
    hook = f'--setup-hook={policy}chmod 755 "$1/usr/sbin/policy-rc.d"'
    argv = ["mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", hook, "trixie", str(ROOT), MIRROR]
    run(argv, timeout=900)


@pytest.mark.parametrize("pod", ["", "dovecot", "postfix"])
@pytest.mark.parametrize("text", ["domain: example.org\n", MANY_SETTINGS], ids=["default", "many-settings"])
def test_dovecot_2_4_reads_its_configuration_and_compiles_our_scripts(
    trixie: Trixie, text: str, pod: str
) -> None:
    site = make_site(text, trixie.versions(), pod=pod)
    assert site.version("dovecot-core", ()) >= (2, 4)
    trixie.write(Dovecot(), site)
    conf = site.paths.etc("dovecot") / "dovecot.conf"
    done = trixie.run("doveconf", "-c", conf, "-n")
    assert "Warning" not in done.stderr
    assert done.stdout.index("passdb lua {") < done.stdout.index("passdb ldap {")
    # Beside Postfix it keeps no mail and has no scripts.
    for script in SCRIPTS if pod != "postfix" else ():
        path = site.paths.etc("dovecot") / "sieve" / script
        compiled = trixie.run("sievec", "-c", conf, path, path.with_suffix(".svbin"))
        assert "arning" not in compiled.stderr + compiled.stdout


def test_dovecot_2_4_refuses_the_words_of_2_3(trixie: Trixie) -> None:
    site = make_site("domain: example.org\n", {"dovecot-core": (2, 3, 19)})
    trixie.write(Dovecot(), site)
    conf = site.paths.etc("dovecot") / "dovecot.conf"
    assert trixie.run("doveconf", "-c", conf, "-n", check=False).returncode != 0


@pytest.mark.parametrize("pod", ["", "postfix"])
@pytest.mark.parametrize("text", ["domain: example.org\n", MANY_SETTINGS], ids=["default", "many-settings"])
def test_postfix_3_10_accepts_its_configuration(trixie: Trixie, text: str, pod: str) -> None:
    site = make_site(text, trixie.versions(), pod=pod)
    assert site.version("postfix", ()) >= (3, 10)
    trixie.write(Postfix(), site)
    etc = site.paths.etc("postfix")
    for command in (("postconf", "-c", etc, "-n"), ("postconf", "-c", etc, "-M")):
        done = trixie.run(*command)
        assert "warning" not in done.stderr, done.stderr
    done = trixie.run("postfix", "-c", etc, "check", check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text", ["domain: example.org\n", MANY_SETTINGS], ids=["default", "many-settings"])
def test_nginx_1_26_accepts_its_configuration_without_a_warning(trixie: Trixie, text: str) -> None:
    site = make_site(f"{text}port_offset: 3000\n", trixie.versions())
    assert site.version("nginx", ()) >= (1, 26)
    trixie.write(Nginx(), site)
    etc = site.paths.etc("nginx")
    (ROOT / etc.relative_to("/") / "listen-ipv6.conf").write_text("listen [::]:3443 ssl;\n")
    done = trixie.run("nginx", "-t", "-c", etc / "nginx.conf", check=False)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr, done.stderr


def test_sogo_5_12_reads_its_settings_and_starts(trixie: Trixie, tmp_path: Path) -> None:
    site = make_site(f"domain: example.org\nport_offset: {free_offset()}\n", trixie.versions())
    assert site.version("sogo", ()) >= (5, 12)
    trixie.write(Sogo(), site)
    log = tmp_path / "sogo.log"
    with trixie.running(Sogo().command(site), log):
        wait_for(lambda: f"listening on {site.sogo}" in log.read_text(), "SOGo listens", 60)
    assert "version 5.12" in log.read_text()
