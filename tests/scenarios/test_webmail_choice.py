"""Which webmail there is: what is switched off runs no process and has no route; mail goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import clients, sogo
from tests.running import Suite

SOGO = {"sogo", "dav", "activesync", "memcached"}


@pytest.fixture
def chosen(suite: Suite) -> Iterator[Suite]:
    """The suite; afterwards its settings are as before."""
    path = suite.home / "keryx.yaml"
    before = path.read_text()
    try:
        yield suite
    finally:
        path.write_text(before)
        suite.up()


def choose(suite: Suite, webmail: str) -> set[str]:
    """Set the webmail and return the components that run now."""
    path = suite.home / "keryx.yaml"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("webmail:")]
    path.write_text("\n".join([*lines, f"webmail: {webmail}", ""]))
    suite.up()
    return {row["name"] for row in suite.json("status")}


def statuses(suite: Suite) -> list[int]:
    """Return what the gateway says to who asks for SOGo, its DAV, ActiveSync and Roundcube."""
    paths = ("/SOGo/", "/SOGo/dav/", "/Microsoft-Server-ActiveSync", "/roundcube/")
    with sogo.program(suite) as http:
        return [http.get(path, headers=sogo.SCRIPT).status_code for path in paths]


def test_what_is_switched_off_is_gone_and_comes_back_with_its_data(chosen: Suite) -> None:
    alice = chosen.account("chooser")
    card = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:k\r\nFN:Kept\r\nN:Kept\r\nEND:VCARD\r\n"
    place = f"/SOGo/dav/{alice[0]}/Contacts/personal/k.vcf"
    with sogo.program(chosen) as http:
        assert http.put(place, content=card, auth=alice).status_code == 201

    running = choose(chosen, "roundcube")
    assert not SOGO & running
    assert "roundcube" in running
    assert statuses(chosen) == [404, 404, 404, 401]

    running = choose(chosen, "none")
    assert not (SOGO | {"roundcube"}) & running
    assert statuses(chosen) == [404, 404, 404, 404]
    # Without a webmail no token is taken, whoever may have made one.
    assert not (chosen.site.paths.etc("dovecot") / "token.lua").exists()
    assert clients.login_everywhere(chosen, *alice) == clients.everywhere(True)

    assert choose(chosen, "sogo") >= SOGO
    with sogo.program(chosen) as http:
        assert "FN:Kept" in http.get(place, auth=alice).text
