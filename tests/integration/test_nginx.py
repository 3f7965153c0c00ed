"""The gateway on the real nginx: what it lets through, to whom, and what it says by whom.

Behind it stand servers that answer with what they were told (``tests.behind``).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from keryx.admin import doctor
from keryx.admin.doctor import served_certificate
from keryx.components import registry
from keryx.core import errors, network
from keryx.core.check import Finding, Status
from keryx.host import home as homes
from keryx.host import prepare
from keryx.tls import authority
from tests import behind
from tests.parts import Parts, running
from tests.running import wait_for
from tests.world import proxy_header, strangers

HOST = "mail.example.org"
CLIENT = "198.51.100.7"
SETTINGS = """\
domain: example.org
message_size_limit_mb: 2
trusted_proxies: [127.0.0.9/32]
unbound: {offline: true}
"""
FORGED = {
    "x-webobjects-remote-user": "forged@example.org",
    "x-webobjects-auth-type": "forged",
    "x-webobjects-remote-host": "forged",
    "x-webobjects-server-url": "https://forged.example",
    "X-Keryx-User": "forged@example.org",
    "X-Keryx-Token": "forged",
    "X-Keryx-Authorization": "Basic forged",
    "X-Forwarded-User": "forged@example.org",
    "X-Remote-User": "forged@example.org",
    "Remote-User": "forged@example.org",
    "X-Real-IP": "192.0.2.66",
    "X-Forwarded-For": "192.0.2.66",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "forged.example",
    "Forwarded": "for=192.0.2.66",
    "Proxy": "http://forged.example",
    "Password": "forged",
}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        """What the server behind was told."""
        found: dict[str, Any] = json.loads(self.body)
        return found


def tls() -> ssl.SSLContext:
    return network.unverified_tls()


def connection(
    parts: Parts, name: str = "https", source: str = "127.0.0.1", header: bytes = b""
) -> http.client.HTTPConnection:
    """Return a connection to a public port, from a source address, after a PROXY header."""
    port = parts.site.port(name)
    assert port is not None
    stream = socket.create_connection(("127.0.0.1", port), 20, (source, 0))
    stream.sendall(header)
    asker = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    asker.sock = tls().wrap_socket(stream, server_hostname=HOST) if name == "https" else stream
    return asker


def ask(
    parts: Parts,
    path: str,
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "GET",
    body: bytes | None = None,
    name: str = "https",
    source: str = "127.0.0.1",
    header: bytes = b"",
) -> Answer:
    """Ask the gateway once."""
    with contextlib.closing(connection(parts, name, source, header)) as asker:
        asker.request(method, path, body, {"Host": HOST, **(headers or {})})
        answer = asker.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


def plain(parts: Parts) -> socket.socket:
    return socket.create_connection(("127.0.0.1", parts.site.port("https") or 0), 20)


def session(name: str) -> dict[str, str]:
    return {"Cookie": f"__Host-keryx={name}"}


@pytest.fixture(scope="module")
def parts() -> Iterator[Parts]:
    with running(SETTINGS, ["nginx"]) as parts, behind.everything(parts.site):
        yield parts


@contextlib.contextmanager
def settings(parts: Parts, text: str) -> Iterator[None]:
    """Have other settings in force during the block, taken up by a reload."""
    path = parts.home / "keryx.yaml"
    before = path.read_text()
    try:
        path.write_text(before + text)
        reload(parts)
        yield
    finally:
        path.write_text(before)
        reload(parts)


def reload(parts: Parts) -> None:
    parts.__dict__.pop("site", None)
    gateway = registry.find("nginx")
    prepare.prepare(gateway, parts.site)
    assert gateway.reload(parts.site, [])


# --- redirects


def test_http_leads_to_https(parts: Parts) -> None:
    answer = ask(parts, "/SOGo/so/?a=1&b=2", name="http")
    assert answer.status == 301
    assert answer.headers["location"] == f"https://{HOST}:{parts.site.port('https')}/SOGo/so/?a=1&b=2"
    assert "strict-transport-security" not in answer.headers, "meaningless without TLS (RFC 6797, 7.2)"


def test_acme_challenges_are_answered_without_tls(parts: Parts) -> None:
    folder = parts.home / "data/nginx/acme/.well-known/acme-challenge"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "token").write_text("token.thumbprint")
    for host in (HOST, "autoconfig.example.org", "mta-sts.example.org", "other.example"):
        answer = ask(parts, "/.well-known/acme-challenge/token", {"Host": host}, name="http")
        assert (answer.status, answer.body) == (200, b"token.thumbprint"), host
    assert ask(parts, "/.well-known/acme-challenge/../../../../secrets/x", name="http").status != 200


def test_the_root_leads_to_the_webmail(parts: Parts) -> None:
    answer = ask(parts, "/")
    assert (answer.status, answer.headers["location"]) == (302, "/SOGo/")


def test_calendar_programs_are_led_to_dav(parts: Parts) -> None:
    for path in ("/.well-known/caldav", "/.well-known/carddav", "/.well-known/caldav/"):
        answer = ask(parts, path, method="PROPFIND")
        assert answer.status == 301
        assert answer.headers["location"] == f"{parts.site.web_url('webmail')}/SOGo/dav/"


def test_autodiscover_without_tls_is_led_to_the_name_of_the_certificate(parts: Parts) -> None:
    for name, path in (
        ("autodiscover", "/autodiscover/autodiscover.xml"),
        ("autoconfig", "/mail/config-v1.1.xml"),
    ):
        answer = ask(parts, f"{path}?emailaddress=a%40b.example", {"Host": f"{name}.b.example"}, name="http")
        assert answer.status == 302
        assert answer.headers["location"] == f"{parts.site.base_url}{path}?emailaddress=a%40b.example"


# --- TLS and headers


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_from_1_2_on(parts: Parts, version: ssl.TLSVersion) -> None:
    context = tls()
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    with plain(parts) as stream, context.wrap_socket(stream, server_hostname=HOST) as secure:
        assert secure.version() == version.name.replace("_", ".")
        assert secure.selected_alpn_protocol() == "h2"
        name, _, bits = secure.cipher() or ("", "", 0)
        assert "GCM" in name or "CHACHA20" in name
        assert bits >= 128


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_no_tls_below_1_2(parts: Parts) -> None:
    context = tls()
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with plain(parts) as stream, pytest.raises(ssl.SSLError, match="alert protocol version"):
        context.wrap_socket(stream, server_hostname=HOST)


@pytest.mark.parametrize(
    "path",
    ["/", "/login", "/api/v1/session", "/static/logo.svg", "/SOGo/", "/SOGo/dav/", "/nowhere", "/roundcube/"],
)
def test_every_answer_has_the_security_headers(parts: Parts, path: str) -> None:
    headers = ask(parts, path, session("alice")).headers
    assert headers["strict-transport-security"] == "max-age=63072000"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["server"] == "nginx", "no version"
    assert "x-powered-by" not in headers
    assert "x-keryx-token" not in headers


# --- nobody's word is taken for who he is


@pytest.mark.parametrize(
    "path",
    [
        "/SOGo/so/alice",
        "/SOGo/dav/alice/",
        "/Microsoft-Server-ActiveSync?Cmd=Sync",
        "/login",
        "/account/",
        "/admin/",
        "/api/v1/session",
        "/setup",
        "/autodiscover/autodiscover.xml",
        "/mail/config-v1.1.xml",
        "/rspamd/stat",
    ],
)
def test_forged_headers_reach_nobody(parts: Parts, path: str) -> None:
    answer = ask(parts, path, {**FORGED, **session("root")})
    assert answer.status == 200
    said = answer.told["headers"]
    assert not [name for name, value in said.items() if "forged" in value or "192.0.2.66" in value], said
    assert len(answer.told["names"]) == len(set(answer.told["names"])), "each header once"
    assert said["x-forwarded-for"] == said["x-real-ip"] == "127.0.0.1"


def test_forged_headers_are_no_parameters_of_php(parts: Parts) -> None:
    told = ask(
        parts, "/roundcube/?_task=mail", {**FORGED, **session("alice"), "Authorization": "Basic x"}
    ).told
    parameters = told["parameters"]
    allowed = {name for name, value in parameters.items() if "forged" in value or "192.0.2.66" in value}
    # PHP programs that look at these take them for what they are, a client's words.
    assert allowed <= {f"HTTP_{name.upper().replace('-', '_')}" for name in FORGED}
    assert not allowed & {
        "HTTP_X_FORWARDED_FOR",
        "HTTP_X_REAL_IP",
        "HTTP_PROXY",
        "HTTP_REMOTE_USER",
        "HTTP_X_KERYX_USER",
        "HTTP_X_KERYX_TOKEN",
        "HTTP_X_KERYX_AUTHORIZATION",
    }
    assert "HTTP_AUTHORIZATION" not in parameters
    assert (parameters["KERYX_USER"], parameters["KERYX_TOKEN"]) == ("alice@example.org", "token-of-alice")
    assert parameters["REMOTE_ADDR"] == "127.0.0.1"
    assert parameters["HTTPS"] == "on"


# --- signing in once


def test_who_is_signed_in_is_signed_in_to_sogo(parts: Parts) -> None:
    said = ask(parts, "/SOGo/so/alice/Mail/view", {**session("alice"), "Authorization": "Bearer key"}).told
    assert said["headers"]["x-webobjects-remote-user"] == "alice@example.org"
    assert said["headers"]["authorization"] == "Basic YWxpY2VAZXhhbXBsZS5vcmc6dG9rZW4tb2YtYWxpY2U="
    assert said["headers"]["x-webobjects-server-url"] == f"https://{HOST}"
    assert said["path"] == "/SOGo/so/alice/Mail/view"


def test_programs_with_a_password_of_their_own_keep_it(parts: Parts) -> None:
    for path in ("/SOGo/dav/alice/Calendar/", "/Microsoft-Server-ActiveSync?Cmd=FolderSync&User=alice"):
        said = ask(parts, path, {**session("alice"), "Authorization": "Basic own"}, method="OPTIONS").told
        assert said["headers"]["authorization"] == "Basic own"
        assert "x-webobjects-remote-user" not in said["headers"]


def test_phones_are_led_to_their_own_workers(parts: Parts) -> None:
    told = ask(parts, "/Microsoft-Server-ActiveSync?Cmd=Ping&DeviceId=1", method="POST", body=b"x").told
    assert told["path"] == "/SOGo/Microsoft-Server-ActiveSync?Cmd=Ping&DeviceId=1"
    assert ask(parts, "/SOGo/Microsoft-Server-ActiveSync", session("alice")).status == 404


@pytest.mark.parametrize("path", ["/SOGo/so/alice?x=1", "/roundcube/?_task=mail", "/rspamd/"])
def test_strangers_are_led_to_the_sign_in(parts: Parts, path: str) -> None:
    answer = ask(parts, path, {"Accept": "text/html,*/*"})
    assert answer.status == 302
    assert answer.headers["location"] == f"/login?next={path.partition('?')[0]}"
    answer = ask(parts, path, {"Sec-Fetch-Mode": "navigate", "Accept": "*/*"})
    assert answer.status == 302
    fetched = ask(parts, path, {"Accept": "application/json", "Sec-Fetch-Mode": "cors"})
    assert (fetched.status, "location" in fetched.headers) == (401, False)
    assert ask(parts, path, {"Accept": "text/html"}, method="POST", body=b"").status == 401


@pytest.mark.parametrize(
    "path",
    ["/SOGo/dav/../so/alice", "/SOGo/dav%2f..%2fso/alice", "/SOGo/dav/%2e%2e/so/alice", "//SOGo//so/alice"],
)
def test_no_way_of_writing_a_path_takes_a_name_to_the_workers_for_browsers(parts: Parts, path: str) -> None:
    claim = {"Authorization": "Basic Zm9yZ2VkQGV4YW1wbGUub3JnOng=", **FORGED}
    assert ask(parts, path, claim).status == 401, "asked who it is, as at the plain path"


@pytest.mark.parametrize("path", ["//evil.example/../SOGo/so/", "/\\evil.example/../SOGo/", "//SOGo/x"])
def test_the_way_back_never_leaves_the_host(parts: Parts, path: str) -> None:
    answer = ask(parts, path, {"Accept": "text/html"})
    assert (answer.status, answer.headers["location"]) == (302, "/login?next=/")


def test_the_filters_pages_are_for_site_administrators(parts: Parts) -> None:
    assert ask(parts, "/rspamd/stat", session("alice")).status == 403
    said = ask(parts, "/rspamd/stat?x=1", session("root")).told
    password = (parts.home / "secrets/rspamd-controller").read_text()
    assert (said["path"], said["headers"]["password"]) == ("/stat?x=1", password)
    assert "cookie" not in said["headers"]
    assert said["headers"]["x-forwarded-for"] == "127.0.0.1", "without it the filter asks for no password"


def test_other_sites_do_not_use_the_filters_pages(parts: Parts) -> None:
    for site, path, status in (
        ("cross-site", "/rspamd/", 200),
        ("cross-site", "/rspamd/statreset", 403),
        ("same-site", "/rspamd/statreset", 403),
        ("same-origin", "/rspamd/stat", 200),
    ):
        answer = ask(parts, path, {**session("root"), "Sec-Fetch-Site": site})
        assert answer.status == status, (site, path)


def test_nobody_reaches_the_internal_paths(parts: Parts) -> None:
    for path in ("/internal/session", "/internal/administrator", "/internal/health", "/internal/nobody"):
        assert ask(parts, path, session("root")).status == 404, path


def test_the_webmails_go_on_when_keryx_is_away(parts: Parts) -> None:
    path = parts.site.admin_web.path
    assert path is not None
    aside = path.with_name("aside")
    path.rename(aside)
    # Connections that the gateway keeps end too.
    behind.AWAY.add(str(path))
    try:
        # SOGo's workers for browsers would believe the name in it.
        claim = {"Authorization": "Basic Zm9yZ2VkQGV4YW1wbGUub3JnOng="}
        said = ask(parts, "/SOGo/so/", {**session("alice"), **FORGED, **claim}).told["headers"]
        assert "x-webobjects-remote-user" not in said
        assert "authorization" not in said
        parameters = ask(parts, "/roundcube/", session("alice")).told["parameters"]
        assert (parameters["KERYX_USER"], parameters["KERYX_TOKEN"]) == ("", "")
        assert ask(parts, "/SOGo/dav/").status == 200
        assert ask(parts, "/rspamd/stat", session("root")).status == 503, "closed, not open"
        answer = ask(parts, "/api/v1/status")
        assert (answer.status, set(answer.told)) == (503, {"error", "remedy"})
        page = ask(parts, "/login")
        assert (page.status, b"Mail goes on" in page.body) == (503, True)
    finally:
        behind.AWAY.clear()
        aside.rename(path)


# --- sizes


@pytest.mark.parametrize(
    "path",
    [
        "/SOGo/so/alice/Mail/0/folder/newDraft/save",
        "/SOGo/dav/a/",
        "/Microsoft-Server-ActiveSync",
        "/roundcube/",
    ],
)
def test_a_message_of_the_limits_size_passes_and_no_more(parts: Parts, path: str) -> None:
    size = 2 * 1024 * 1024 + 500_000
    assert ask(parts, path, session("alice"), method="POST", body=b"x" * size).told["length"] == size
    refused = ask(parts, path, session("alice"), method="POST", body=b"x" * (3 * 1024 * 1024 + 1))
    assert refused.status == 413


def test_a_form_is_no_place_for_megabytes(parts: Parts) -> None:
    assert ask(parts, "/login", method="POST", body=b"x" * (2 * 1024 * 1024 + 1)).status == 413
    assert ask(parts, "/autodiscover/autodiscover.xml", method="POST", body=b"x" * 70_000).status == 413


# --- what is given out


def test_of_roundcube_only_what_browsers_need_is_given_out(parts: Parts) -> None:
    assert ask(parts, "/roundcube/skins/elastic/images/favicon.ico").status == 200
    for path in (
        "/roundcube/.htaccess",
        "/roundcube/plugins/managesieve/config.inc.php",
        "/roundcube/program/lib/Roundcube/bootstrap.php",
        "/roundcube/skins/../../../../etc/roundcube/config.inc.php",
        "/roundcube/plugins/archive/composer.json",
        "/roundcube/config/config.inc.php",
        "/roundcube/index.php/x",
    ):
        assert ask(parts, path, session("alice")).status in (400, 404), path


def test_the_pages_files_are_served_compressed_and_kept(parts: Parts) -> None:
    answer = ask(parts, "/static/vendor/tabler.min.css?1", {"Accept-Encoding": "gzip"})
    assert answer.status == 200
    assert answer.headers["content-encoding"] == "gzip"
    assert "max-age=2592000" in answer.headers["cache-control"]
    assert ask(parts, "/SOGo.woa/WebServerResources/css/styles.css").status == 200


def test_set_up_requests_are_counted(parts: Parts) -> None:
    with contextlib.closing(connection(parts, source="127.0.0.77")) as asker:
        found = []
        for _ in range(100):
            asker.request("GET", "/mail/config-v1.1.xml", headers={"Host": HOST})
            answer = asker.getresponse()
            answer.read()
            found.append(answer.status)
    assert found[0] == 200
    assert 429 in found


# --- the log


def test_the_log_tells_who_and_no_secrets(parts: Parts) -> None:
    ask(parts, "/SOGo/so/logged?password=secret1", {**session("alice"), "Referer": "https://x/?secret2"})
    ask(parts, "/login?next=secret3", {"Authorization": "Bearer secret4"})
    line = wait_for(
        lambda: re.search(r".*GET /SOGo/so/logged HTTP.*", parts.log("nginx").read_text()), "the line"
    )
    assert line
    assert line[0].startswith("127.0.0.1 alice@example.org [")
    wait_for(lambda: "GET /login HTTP" in parts.log("nginx").read_text(), "the other line")
    assert "secret" not in parts.log("nginx").read_text()


# --- behind others


def test_a_trusted_proxy_says_who_the_client_is(parts: Parts) -> None:
    for source, seen in (("127.0.0.9", CLIENT), ("127.0.0.8", "127.0.0.8")):
        for path in ("/login", "/SOGo/dav/", "/Microsoft-Server-ActiveSync"):
            said = ask(parts, path, {"X-Forwarded-For": CLIENT}, source=source).told["headers"]
            assert said["x-real-ip"] == said["x-forwarded-for"] == seen
        parameters = ask(
            parts, "/roundcube/", {"X-Forwarded-For": CLIENT, **session("alice")}, source=source
        ).told["parameters"]
        assert parameters["REMOTE_ADDR"] == seen


def test_only_the_last_address_before_the_trusted_proxy_counts(parts: Parts) -> None:
    said = ask(parts, "/login", {"X-Forwarded-For": f"192.0.2.66, {CLIENT}"}, source="127.0.0.9").told
    assert said["headers"]["x-real-ip"] == CLIENT


def test_a_trusted_proxy_may_end_tls(parts: Parts) -> None:
    wrapped = {"X-Forwarded-Proto": "https", "X-Forwarded-For": CLIENT, "Host": HOST}
    answer = ask(parts, "/login", wrapped, name="http", source="127.0.0.9")
    assert answer.status == 200
    said = answer.told["headers"]
    assert (said["x-forwarded-proto"], said["x-real-ip"]) == ("https", CLIENT)
    assert answer.headers["strict-transport-security"]
    assert ask(parts, "/login", wrapped, name="http", source="127.0.0.8").status == 301
    plain = {**wrapped, "X-Forwarded-Proto": "http"}
    assert ask(parts, "/login", plain, name="http", source="127.0.0.9").status == 301


def test_tls_may_be_the_proxys_matter_alone(parts: Parts) -> None:
    wrapped = {"X-Forwarded-Proto": "https", "Host": HOST}
    with settings(parts, "ports: {https: false}\nweb: {port: 443}\n"):
        assert parts.site.base_url == f"https://{HOST}"
        assert ask(parts, "/login", wrapped, name="http", source="127.0.0.9").status == 200
        moved = ask(parts, "/login", wrapped, name="http", source="127.0.0.8")
        assert (moved.status, moved.headers["location"]) == (301, f"https://{HOST}/login")


def test_ipv6_is_served_too(parts: Parts) -> None:
    port = parts.site.port("https")
    with socket.create_connection(("::1", port or 0), 20) as stream:
        asker = http.client.HTTPConnection("::1")
        asker.sock = tls().wrap_socket(stream, server_hostname=HOST)
        asker.request("GET", "/login", headers={"Host": HOST})
        answer = asker.getresponse()
        assert json.loads(answer.read())["headers"]["x-real-ip"] == "::1"
        asker.close()


def test_the_proxy_protocol_names_the_client(parts: Parts) -> None:
    with strangers() as net:
        text = f"trusted_proxies: [{net}.20/32]\nports: {{https: {{proxy_protocol: true}}}}\n"
        base = (parts.home / "keryx.yaml").read_text()
        (parts.home / "keryx.yaml").write_text(base.replace("trusted_proxies: [127.0.0.9/32]\n", ""))
        try:
            with settings(parts, text):
                said = ask(parts, "/login", source=f"{net}.20", header=proxy_header(CLIENT)).told
                assert said["headers"]["x-real-ip"] == CLIENT
                claimed = {"X-Forwarded-For": "192.0.2.66"}
                said = ask(parts, "/login", claimed, source=f"{net}.20", header=proxy_header(CLIENT)).told
                assert said["headers"]["x-real-ip"] == CLIENT
                with pytest.raises((OSError, http.client.HTTPException)):
                    ask(parts, "/login", source=f"{net}.21", header=proxy_header(CLIENT))
                with pytest.raises((OSError, http.client.HTTPException)):
                    ask(parts, "/login", source=f"{net}.20")
                registry.find("nginx").ready(parts.site)  # by the door inside
        finally:
            (parts.home / "keryx.yaml").write_text(base)
            reload(parts)


# --- host names of their own


def test_each_part_is_found_at_its_own_name(parts: Parts) -> None:
    names = (
        "web: {webmail_host: web.example.org, admin_host: adm.example.org, rspamd_host: filter.example.org}\n"
    )
    with settings(parts, names):
        web, admin, filter = (parts.site.web_url(name) for name in ("webmail", "admin", "rspamd"))

        def at(host: str, path: str, **headers: str) -> Answer:
            return ask(parts, path, {"Host": host, **session("root"), **headers})

        assert at(HOST, "/").headers["location"] == f"{web}/SOGo/"
        assert at("web.example.org", "/").headers["location"] == "/SOGo/"
        assert at("adm.example.org", "/").headers["location"] == "/admin/"
        assert at("filter.example.org", "/").headers["location"] == "/rspamd/"
        assert at(HOST, "/SOGo/dav/a?b=1").headers["location"] == f"{web}/SOGo/dav/a?b=1"
        assert at("web.example.org", "/admin/x").headers["location"] == f"{admin}/admin/x"
        assert at("adm.example.org", "/rspamd/").headers["location"] == f"{filter}/rspamd/"
        moved = at(HOST, "/Microsoft-Server-ActiveSync")
        assert (moved.status, moved.headers["x-ms-location"]) == (451, f"{web}/Microsoft-Server-ActiveSync")
        assert at("web.example.org", "/SOGo/so/").status == 200
        assert at("adm.example.org", "/admin/").status == 200
        assert at("filter.example.org", "/rspamd/stat").status == 200
        for host in (HOST, "web.example.org", "adm.example.org", "filter.example.org"):
            assert at(host, "/login").status == 200, host


def test_a_webmail_that_is_off_is_not_found(parts: Parts) -> None:
    with settings(parts, "webmail: roundcube\n"):
        for path in ("/SOGo/", "/SOGo/dav/", "/Microsoft-Server-ActiveSync", "/.well-known/caldav"):
            assert ask(parts, path, session("alice")).status == 404, path
        assert ask(parts, "/").headers["location"] == "/roundcube/"
        assert ask(parts, "/roundcube/", session("alice")).status == 200
    with settings(parts, "webmail: none\n"):
        assert ask(parts, "/").headers["location"] == "/account/"
        assert ask(parts, "/roundcube/", session("alice")).status == 404


def test_names_below_other_domains_serve_their_purpose_only(parts: Parts) -> None:
    for name in ("autoconfig", "autodiscover", "mta-sts"):
        host = {"Host": f"{name}.customer.example", **session("root")}
        for path in ("/", "/SOGo/", "/admin/", "/api/v1/status", "/login", "/rspamd/"):
            assert ask(parts, path, host).status == 404, (name, path)
    host = {"Host": "mta-sts.customer.example"}
    said = ask(parts, "/.well-known/mta-sts.txt", host).told
    assert said["headers"]["host"] == "mta-sts.customer.example"
    assert ask(parts, "/.well-known/mta-sts.txt").status == 404


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("/Autodiscover/Autodiscover.xml", "/autodiscover/autodiscover.xml"),
        ("/AutoDiscover/AUTODISCOVER.XML", "/autodiscover/autodiscover.xml"),
        ("/Autodiscover/Autodiscover.json?Email=a", "/autodiscover/autodiscover.json?Email=a"),
        (
            "/autodiscover/autodiscover.json/v1.0/a@b.example?Protocol=x",
            "/autodiscover/autodiscover.json/v1.0/a@b.example?Protocol=x",
        ),
    ],
)
def test_paths_of_autodiscover_in_any_case(parts: Parts, asked: str, told: str) -> None:
    said = ask(parts, asked, {"Authorization": "Basic c2VjcmV0", "Cookie": "a=b"}).told
    assert said["path"] == told
    assert "authorization" not in said["headers"], "the password that phones send along goes nowhere"


# --- reload


def test_a_renewed_certificate_drops_no_request(parts: Parts) -> None:
    behind.LONGER.clear()
    waiting = connection(parts)
    waiting.request("POST", "/Microsoft-Server-ActiveSync?Cmd=wait", b"x", {"Host": HOST})
    before = served_certificate(parts.site, "https").serial_number
    path = parts.site.certificate
    path.unlink()
    authority.ensure(path.parent, [HOST])
    assert path in prepare.changed(registry.find("nginx"), parts.site)
    reload(parts)
    assert served_certificate(parts.site, "https").serial_number != before, "at once, when reload returns"
    behind.LONGER.set()
    answer = waiting.getresponse()
    assert answer.status == 200
    assert json.loads(answer.read())["path"].endswith("Cmd=wait")
    waiting.close()


def test_doctor_tells_which_names_the_certificate_lacks(parts: Parts) -> None:
    def finding() -> Finding:
        (check,) = (check for check in doctor.checks(parts.site) if check.id == "port.https")
        return check.probe()

    assert finding().status is Status.OK
    with settings(parts, "web: {webmail_host: web.example.org}\n"):
        found = finding()
        assert found.status is Status.WARNING
        assert "is not for web.example.org, where clients are sent" in found.sentence


def test_settings_that_nginx_refuses_change_nothing(parts: Parts) -> None:
    pid = parts.pid("nginx")
    bad = parts.site.paths.etc("nginx") / "headers.conf"
    text = bad.read_text()
    bad.write_text(text + "no_such_directive;\n")
    try:
        assert not registry.find("nginx").reload(parts.site, [bad]), "a refused reload is not called done"
        assert ask(parts, "/login").status == 200
        assert parts.pid("nginx") == pid
    finally:
        bad.write_text(text)


def test_lines_of_the_administrators_are_taken_up(parts: Parts) -> None:
    own = "server { include listen.conf; server_name status.example.org; return 418; }"
    with settings(parts, f"nginx:\n  extra: |\n    deny 127.0.0.77;\n    {own}\n"):
        assert ask(parts, "/login").status == 200
        assert ask(parts, "/login", source="127.0.0.77").status == 403
        assert ask(parts, "/", {"Host": "status.example.org"}).status == 418


@pytest.mark.parametrize("line", ["no_such_directive on;", "}", "if ("])
def test_lines_of_the_administrators_that_nginx_refuses_change_nothing(parts: Parts, line: str) -> None:
    path, gateway = parts.home / "keryx.yaml", registry.find("nginx")
    before, files = (
        path.read_text(),
        {file.path: file.path.read_text() for file in gateway.render(parts.site)},
    )
    try:
        path.write_text(f"{before}nginx: {{extra: '{line}'}}\n")
        with pytest.raises(errors.CommandFailed, match=r"nginx\.conf:\d+"):
            prepare.prepare(gateway, homes.site(parts.home))
    finally:
        path.write_text(before)
    assert {path: path.read_text() for path in files} == files


def test_the_workers_are_nobody_important(parts: Parts) -> None:
    import psutil

    master = psutil.Process(parts.pid("nginx"))
    workers = [child for child in master.children() if "shutting" not in " ".join(child.cmdline())]
    assert workers
    assert {child.username() for child in workers} == {"keryx-web"}
    assert {path.stat().st_mode & 0o077 for path in (parts.home / "etc/nginx").glob("*password*")} == {0}
