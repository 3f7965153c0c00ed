"""On copies of profiles; no machine of ours enforces them."""

from pathlib import Path

import pytest

from keryx.host import apparmor

HOME = Path("/var/lib/keryx")
RULE = "/var/lib/keryx/{etc,run,data}/unbound/** rwkl, # Keryx"


@pytest.fixture
def profiles(tmp_path: Path) -> Path:
    (tmp_path / "local").mkdir()
    (tmp_path / "usr.sbin.unbound").write_text("profile unbound {\n  #include <local/usr.sbin.unbound>\n}\n")
    (tmp_path / "usr.sbin.postsrsd").write_text("/usr/sbin/postsrsd {\n  /etc/postsrsd.secret r,\n}\n")
    return tmp_path


def test_a_daemon_is_let_into_its_own_folders_once(profiles: Path) -> None:
    local = profiles / "local/usr.sbin.unbound"
    local.write_text("# the site's own\n/srv/dns/** r,\n")
    lines = apparmor.rules(HOME, ("unbound",))
    assert apparmor.change(profiles, "usr.sbin.unbound", lines, load=False)
    assert not apparmor.change(profiles, "usr.sbin.unbound", lines, load=False)
    assert local.read_text() == f"# the site's own\n/srv/dns/** r,\n{RULE}\n"


def test_a_profile_without_a_place_for_additions_is_taken_out_of_force(profiles: Path) -> None:
    lines = apparmor.rules(HOME, ("postsrsd",))
    assert apparmor.change(profiles, "usr.sbin.postsrsd", lines, load=False)
    assert (profiles / "disable/usr.sbin.postsrsd").readlink() == profiles / "usr.sbin.postsrsd"
    assert not apparmor.change(profiles, "usr.sbin.postsrsd", lines, load=False)


def test_a_daemon_without_a_profile_needs_nothing(profiles: Path) -> None:
    assert not apparmor.change(profiles, "usr.sbin.slapd", apparmor.rules(HOME, ("openldap",)), load=False)
    assert not (profiles / "local/usr.sbin.slapd").exists()
