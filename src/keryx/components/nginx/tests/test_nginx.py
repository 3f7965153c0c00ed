"""The gateway's files, whole, and what follows from single settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from keryx.components import testing
from keryx.components.nginx.component import Nginx
from keryx.components.nginx.view import View
from keryx.settings.site import Site

GOLDEN = Path(__file__).parent / "golden"
EVERYTHING = """\
domain: example.org
port_offset: 1000
bind: [192.0.2.1, "2001:db8::1"]
trusted_proxies: [10.0.0.0/24, "2001:db8:1::/48"]
ports:
  https: {proxy_protocol: true}
message_size_limit_mb: 20
log_level: debug
webmail: both
web:
  webmail_host: webmail.example.org
  admin_host: admin.example.org
  rspamd_host: filter.example.org
  port: 443
nginx:
  hsts_days: 0
  access_log: false
  extra: |
    deny 198.51.100.0/24;
    keepalive_timeout 20s;
"""


def test_files_with_the_defaults() -> None:
    testing.check_golden(Nginx(), testing.site(), GOLDEN / "default")


def test_files_with_every_setting() -> None:
    site = testing.site(EVERYTHING, {"nginx": (1, 26, 3)})
    testing.check_golden(Nginx(), site, GOLDEN / "everything")


@pytest.mark.parametrize("pod", ["nginx", "admin", "sogo", "dovecot"])
def test_files_in_a_pod(pod: str) -> None:
    testing.check_golden(Nginx(), testing.site(pod=pod), GOLDEN / f"pod-{pod}")


def text(site: Site) -> str:
    return "\n".join(file.content for file in Nginx().render(site))


@pytest.mark.parametrize(
    ("webmail", "sogo", "roundcube", "root"),
    [
        ("sogo", True, False, "/SOGo/"),
        ("roundcube", False, True, "/roundcube/"),
        ("both", True, True, "/SOGo/"),
        ("none", False, False, "/account/"),
    ],
)
def test_a_webmail_that_is_off_has_no_route(webmail: str, sogo: bool, roundcube: bool, root: str) -> None:
    site = testing.site(f"domain: example.org\nwebmail: {webmail}\n")
    made = text(site)
    assert ("SOGo/dav" in made) is sogo
    assert ("ActiveSync" in made) is sogo
    assert ("fastcgi_pass" in made) is roundcube
    assert f"return 302 {root};" in made


def test_the_filters_password_is_for_root_only() -> None:
    (file,) = (file for file in Nginx().render(testing.site()) if "SECRET" in file.content)
    assert (file.path.name, file.mode, file.secret) == ("rspamd-password.conf", 0o600, True)


def test_a_message_of_the_limits_size_fits_with_what_is_wrapped_around_it() -> None:
    assert View(testing.site("domain: example.org\nmessage_size_limit_mb: 20\n")).body_mb == 21


def test_one_host_name_may_serve_for_several_parts() -> None:
    web = "web: {webmail_host: web.example.org, admin_host: web.example.org}"
    servers = View(testing.site(f"domain: example.org\n{web}\n")).servers
    assert [(server.name, server.parts, server.root) for server in servers] == [
        ("mail.example.org", ("rspamd",), "/rspamd/"),
        ("web.example.org", ("webmail", "admin"), "/SOGo/"),
    ]


def test_ports_that_are_off_are_not_opened() -> None:
    site = testing.site("domain: example.org\nports: {http: false}\n")
    assert [listener.name for listener in Nginx().listeners(site)] == ["https"]
    assert View(site).listens == ["443 ssl http2"]
    assert not Nginx().enabled(testing.site("domain: example.org\nports: {http: false, https: false}\n"))


def test_this_machines_own_programs_have_a_door_beside_that_of_load_balancers() -> None:
    made = "domain: example.org\ntrusted_proxies: [10.0.0.1/32]\nports: {https: {proxy_protocol: true}}\n"
    assert View(testing.site(made)).listens == [
        "80",
        "443 ssl http2 proxy_protocol",
        "127.0.0.1:11443 ssl http2",
    ]
