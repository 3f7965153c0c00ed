"""SOGo through the gateway: mail, filters, shared folders, address book; signed in once, and spoofing."""

from __future__ import annotations

import base64
import socket
import time

import httpx
import psutil
import pytest

from keryx.admin import webmail_token
from keryx.components import registry
from tests import clients, sogo
from tests.running import Suite, wait_for
from tests.web.calling import calling

REPORT = ("Bericht für März.txt", b"numbers: 1 2 3\n" * 50)


def test_a_message_with_an_attachment_is_sent_and_found(suite: Suite) -> None:
    alice, bob = suite.account("sogo-a"), suite.account("sogo-b")
    subject = clients.fresh("Zahlen aus dem März")
    with sogo.signed_in(suite, *alice) as pages:
        pages.send(bob[0], subject, "Anbei.\n", REPORT)
        assert [row["Subject"] for row in pages.messages("Sent")] == [subject]
    found = sogo.arrives(suite, bob, subject)
    (part,) = [part for part in found.walk() if part.get_filename()]
    assert part.get_payload(decode=True) == REPORT[1]
    assert found["From"] == alice[0]
    with sogo.signed_in(suite, *bob) as pages:
        (row,) = [row for row in pages.messages() if row["Subject"] == subject]
        assert row["hasAttachment"]
        text = pages.get(f"Mail/0/folderINBOX/{row['uid']}/view")
        assert "Anbei." in str(text)


def test_nobody_sends_as_somebody_else(suite: Suite) -> None:
    alice, bob = suite.account("honest"), suite.account("victim")
    with sogo.signed_in(suite, *alice) as pages:
        draft = pages.get("Mail/0/compose")
        letter = {"from": bob[0], "to": [bob[0]], "subject": "x", "text": "x", "isHTML": False}
        answer = pages.call("POST", f"Mail/0/folderDrafts/{draft['draftId']}/send", json=letter)
        assert "Sender address rejected: not owned by user" in answer.json()["message"]


def test_aliases_are_identities(suite: Suite) -> None:
    alias = clients.fresh("alias")
    alice = suite.account("several", "--alias", alias)
    with sogo.signed_in(suite, *alice) as pages:
        (account,) = pages.get("Mail/mailAccounts")
    assert {identity["email"] for identity in account["identities"]} == {alice[0], alias}


def test_filters_and_vacation_become_the_active_script(suite: Suite) -> None:
    alice, friend = suite.account("away"), suite.account("friend")
    with sogo.signed_in(suite, *alice) as pages:
        defaults = pages.get("jsonDefaults")
        defaults["Vacation"] = {
            "enabled": 1,
            "autoReplyText": "I am away.",
            "daysBetweenResponse": 1,
            "autoReplyEmailAddresses": [alice[0]],
            "endDateEnabled": 1,
            "endDate": int(time.time()) + 5 * 86400,
        }
        rule = {"field": "subject", "operator": "contains", "value": "digest"}
        filing = {"method": "fileinto", "argument": "Archive"}
        defaults["SOGoSieveFilters"] = [
            {"name": "lists", "active": 1, "match": "any", "rules": [rule], "actions": [filing]}
        ]
        pages.post("Preferences/save", {"defaults": defaults, "settings": {}})
    with clients.ManageSieve(suite) as sieve:
        sieve.starttls()
        assert sieve.login(*alice).ok
        script = sieve.command('GETSCRIPT "sogo"').text
        assert "ACTIVE" in sieve.command("LISTSCRIPTS").text
    # The last day is in the script: no job has to end it.
    assert 'currentdate :value "le" "date"' in script
    message = clients.letter("weekly digest", From=friend[0], To=alice[0])
    assert clients.submits(suite, friend, message, alice[0])[0] == 250
    clients.arrives(suite, alice, message["Subject"], "Archive")
    answer = clients.arrives(suite, friend, f"Auto: {message['Subject']}")
    assert "I am away." in str(answer)


def test_a_shared_folder_shows_up_and_no_other(suite: Suite) -> None:
    alice, bob = suite.account("sharer"), suite.account("reader")
    assert clients.lmtp(suite, alice[0], clients.letter("for two"))[0] == 250
    rights = {"userCanViewFolder": 1, "userCanReadMails": 1, "userCanMarkMailsRead": 1}
    with sogo.signed_in(suite, *alice) as pages:
        pages.post("Mail/0/folderINBOX/saveUserRights", [{"uid": bob[0], "rights": rights}])
        assert bob[0] in pages.get("Mail/0/folderINBOX/acls")["users"]
    with clients.imap(suite, *bob) as client:
        assert set(clients.folders(client, "shared/*")) == {f"shared/{alice[0]}"}
        assert clients.subjects(client, f"shared/{alice[0]}") == ["for two"]
    with sogo.signed_in(suite, *bob) as pages:
        said = str(pages.get("Mail/0/view"))
        assert alice[0] in said


def test_the_common_address_book_has_active_accounts_only(suite: Suite) -> None:
    alice = suite.account("seeker")
    name = clients.fresh("Zaphod")
    there, _ = suite.account("here", "--name", f"{name} Present")
    gone, _ = suite.account("gone", "--name", f"{name} Former", "--inactive")
    with sogo.signed_in(suite, *alice) as pages:
        found = pages.get("Contacts/allContactSearch", search=name)["contacts"]
        assert [contact["id"] for contact in found] == [there]
        assert [user["uid"] for user in pages.get("usersSearch", search=there)["users"]] == [there]
        assert pages.get("usersSearch", search=gone)["users"] == []


# --- signed in once ---


def test_who_is_signed_in_need_not_sign_in_again_and_the_browser_holds_no_password(suite: Suite) -> None:
    alice = suite.account("once")
    with sogo.signed_in(suite, *alice) as pages:
        answer = pages.open()
        while answer.is_redirect:
            answer = pages.open(answer.headers["location"])
        assert answer.status_code == 200
        assert f"/SOGo/so/{alice[0]}" in answer.text
        assert [cookie.name for cookie in pages.http.cookies.jar] == ["__Host-keryx"]
        assert "eyJhbGci" not in answer.text + str(answer.headers)


def test_signed_out_here_is_signed_out_there(suite: Suite) -> None:
    alice = suite.account("leaver")
    with calling(suite) as api:
        person = api.sign_in(*alice)
        pages = sogo.Webmail(sogo.named(person.http), alice[0])
        assert pages.call("GET", "Mail/0/view").status_code == 200
        cookies = dict(person.http.cookies)
        assert person.call("DELETE", "/session").is_success
        person.http.cookies.update(cookies)
        assert pages.call("GET", "Mail/0/view").status_code == 401
        assert pages.open().headers["location"].startswith("/login?next=")


def test_an_account_that_becomes_inactive_is_out_at_once(suite: Suite) -> None:
    alice = suite.account("fired")
    with sogo.signed_in(suite, *alice) as pages:
        assert pages.call("GET", "Mail/0/view").status_code == 200
        suite.keryx("user", "set", alice[0], "--inactive")
        assert pages.call("GET", "Mail/0/view").status_code == 401
        assert pages.call("GET", "Contacts/personal/view").status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        "x-webobjects-remote-user",
        "X-WebObjects-Remote-User",
        "x-webobjects-remote_user",
        "X-Keryx-User",
        "Remote-User",
        "X-Forwarded-User",
    ],
)
@pytest.mark.parametrize("path", ["so/{}/Mail/0/view", "dav/{}/", "dav/{}/Contacts/personal/"])
def test_nobody_becomes_somebody_by_a_header(suite: Suite, victim: str, header: str, path: str) -> None:
    token = webmail_token.make(suite.site, victim)
    pair = base64.b64encode(f"{victim}:wrong".encode()).decode()
    with sogo.program(suite) as http:
        url = f"/SOGo/{path.format(victim)}"
        # Nobody at all, and somebody with any password: SOGo would believe the name in it.
        assert http.get(url, headers={**sogo.SCRIPT, header: victim}).status_code == 401
        sent = {header: victim, "x-webobjects-auth-type": "Basic", "Authorization": f"Basic {pair}"}
        assert http.get(url, headers={**sogo.SCRIPT, **sent}).status_code == 401
        # Not even with a token, which is for Dovecot alone.
        right = base64.b64encode(f"{victim}:{token}".encode()).decode()
        sent["Authorization"] = f"Basic {right}"
        assert http.get(url, headers={**sogo.SCRIPT, **sent}).status_code == 401


@pytest.fixture(scope="module")
def victim(suite: Suite) -> str:
    return suite.account("victim")[0]


def test_somebody_who_is_signed_in_does_not_become_another(suite: Suite, victim: str) -> None:
    mallory = suite.account("mallory")
    with sogo.signed_in(suite, *mallory) as pages:
        headers = {**sogo.SCRIPT, "x-webobjects-remote-user": victim}
        for path in ("Mail/0/view", "Contacts/personal/view", "Calendar/personal/properties"):
            answer = pages.http.get(f"/SOGo/so/{victim}/{path}", headers=headers)
            assert answer.status_code in (401, 403, 404), (path, answer.status_code)
        # SOGo answers these with one's own, whosever path it is.
        assert victim not in pages.http.get(f"/SOGo/so/{victim}/jsonSettings", headers=headers).text
        assert mallory[0] in str(pages.get("Mail/mailAccounts"))


FOREIGN = [
    {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode}
    for site, mode in (
        ("cross-site", "navigate"),
        ("same-origin", "navigate"),
        ("none", "navigate"),
        ("same-origin", "no-cors"),
        ("cross-site", "cors"),
        ("same-site", "cors"),
    )
]
"""What a browser says of requests that SOGo's own scripts did not make."""


def test_links_and_foreign_pages_do_nothing_in_somebodys_name(suite: Suite) -> None:
    alice = suite.account("clicker")
    assert clients.lmtp(suite, alice[0], clients.letter("precious"))[0] == 250
    with sogo.signed_in(suite, *alice) as pages:
        (row,) = pages.messages()
        hostile = f"/SOGo/so/{alice[0]}/Mail/0/folderINBOX/batchDelete"
        for said in FOREIGN:
            assert pages.http.get(hostile, headers=said).status_code == 403, said
            answer = pages.http.post(hostile, headers=said, json={"uids": [row["uid"]]})
            assert answer.status_code == 403, said
        assert [row["Subject"] for row in pages.messages()] == ["precious"]
        pages.post("Mail/0/folderINBOX/batchDelete", {"uids": [str(row["uid"])]})
        assert pages.messages() == []


# --- passwords ---


def test_a_new_password_keeps_keryx_rules_and_ends_the_other_sessions(suite: Suite) -> None:
    address, old = suite.account("changer")
    new = f"lavender anvil {address} turnpike"
    with sogo.signed_in(suite, address, old) as pages, sogo.signed_in(suite, address, old) as elsewhere:

        def change(before: str, after: str) -> tuple[int, str]:
            body = {"userName": address, "oldPassword": before, "newPassword": after}
            answer = pages.http.post("/SOGo/so/changePassword", json=body, headers=sogo.SCRIPT)
            return answer.status_code, answer.text

        status, said = change(old, "password1")
        assert status == 403
        assert '"LDAPPasswordPolicyError":5' in said, "too weak, as SOGo words it"
        assert change("not it at all", new)[0] == 403
        assert clients.login_everywhere(suite, address, old)["imap"]
        assert change(old, new)[0] == 204
        assert pages.call("GET", "Mail/0/view").status_code == 200, "signed in still"
        assert elsewhere.call("GET", "Mail/0/view").status_code == 401
    assert clients.login_everywhere(suite, address, new)["imap"]
    assert not clients.login_everywhere(suite, address, old)["imap"]


# --- SOGo's own sign-in page, for when Keryx's process is away ---


def test_without_keryx_process_sogo_asks_for_the_password_itself(suite: Suite) -> None:
    alice, mallory = suite.account("patient"), suite.account("guesser")
    gone, password = suite.account("ex", "--inactive")
    with suite.without("admin"), sogo.program(suite) as http, sogo.program(suite) as fresh:
        with sogo.at_its_own_page(suite, *alice) as pages:
            assert "folders" in str(pages.get("Mail/0/view")) or pages.messages() == []
            # SOGo's own token against forged requests is in force here.
            pages.headers = {}
            assert not pages.call("POST", "Mail/0/folderINBOX/view", json={}).content.startswith(b"{")
        http.headers["User-Agent"] = sogo.CHROME
        assert "ng-app" in http.get("/SOGo/").text
        assert _signs_in(http, mallory[0], "wrong") == 403
        assert _signs_in(http, gone, password) == 403
        spoofed = {"x-webobjects-remote-user": alice[0], **sogo.SCRIPT}
        for path in ("Mail/0/view", "Contacts/personal/view", "jsonDefaults"):
            answer = fresh.get(f"/SOGo/so/{alice[0]}/{path}", headers=spoofed)
            assert '"mailboxes"' not in answer.text, path
            assert '"headers"' not in answer.text, path
            assert "SOGoLanguage" not in answer.text, path


def _signs_in(http: httpx.Client, address: str, password: str) -> int:
    answer = http.post("/SOGo/connect", json={"userName": address, "password": password})
    return int(answer.status_code)


def test_sogos_log_has_the_clients_address(suite: Suite) -> None:
    alice = suite.account("located")
    source = clients.somewhere()
    with sogo.program(suite, source) as http:
        http.get(f"/SOGo/dav/{alice[0]}/", headers={"X-Forwarded-For": "203.0.113.1"})
    wait_for(lambda: f'{source} "GET /SOGo/dav/{alice[0]}/' in suite.log("dav"), "the request is in the log")
    assert "203.0.113.1" not in suite.log("dav")


# --- the processes ---


def sogods(suite: Suite, name: str) -> list[psutil.Process]:
    """Return the processes of one pool, its watchdog among them."""
    words = list(registry.find(name).command(suite.site).argv)
    return [process for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"] == words]


def test_no_worker_outlives_its_watchdog(suite: Suite) -> None:
    with suite.without("dav"):
        assert sogods(suite, "dav") == []
    before = sogods(suite, "dav")
    (watchdog,) = (process for process in before if process.parent() not in before)
    watchdog.kill()
    gone = set(before)
    wait_for(lambda: not gone & set(sogods(suite, "dav")), "the workers of the killed one have left", 60)
    wait_for(lambda: len(sogods(suite, "dav")) == len(before), "as many are there again", 60)
    suite.keryx("up")


def test_no_secret_is_on_a_command_line_or_readable_by_others(suite: Suite) -> None:
    for name in ("sogo", "activesync"):
        component = registry.find(name)
        command = component.command(suite.site)
        for secret in ("ldap-reader", "postgresql-sogo", "sogo-encryption"):
            assert suite.secret(secret) not in " ".join([*command.argv, *command.env.values()])
        for file in component.render(suite.site):
            if file.secret:
                assert file.path.stat().st_mode & 0o007 == 0


def test_sogo_is_open_to_this_machine_only(suite: Suite) -> None:
    for endpoint in (suite.site.sogo, suite.site.activesync):
        assert endpoint.host == "127.0.0.1"
        with socket.create_connection((endpoint.host, endpoint.port), 5):
            pass
