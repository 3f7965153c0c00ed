from pathlib import Path

from keryx.host import apparmor


def test_the_line_is_added_once_and_what_others_wrote_stays(tmp_path: Path) -> None:
    local = tmp_path / "usr.sbin.slapd"
    local.write_text("# the site's own\n/srv/ldap/** rw,\n")
    assert apparmor.extend(local, Path("/var/lib/keryx"))
    assert not apparmor.extend(local, Path("/var/lib/keryx"))
    assert local.read_text() == "# the site's own\n/srv/ldap/** rw,\n/var/lib/keryx/** rwkl, # Keryx\n"
