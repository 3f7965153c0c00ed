"""Roundcube on the real daemons: what people do with it, and what others must not."""

from __future__ import annotations

import re
import uuid

import pytest

from keryx.admin import webmail_token
from keryx.components.roundcube import fastcgi
from keryx.components.roundcube.component import PING, Roundcube
from keryx.core import errors
from keryx.core.process import run
from tests import clients
from tests.roundcube import CLIENT, Webmail, environment
from tests.running import Suite, wait_for
from tests.scenarios.test_store import learnt, prose

Login = tuple[str, str]


@pytest.fixture(scope="module")
def alice(suite: Suite) -> Login:
    return suite.account("alice", "--name", "Alice O'Hara")


@pytest.fixture(scope="module")
def bob(suite: Suite) -> Login:
    return suite.account("bob", "--name", "Bob Baumann")


@pytest.fixture
def carol(suite: Suite) -> Login:
    """An account that the test may spoil."""
    return suite.account("carol", "--name", "Carol Jones")


@pytest.fixture
def webmail(suite: Suite) -> Webmail:
    return Webmail.at_pool(suite.site.roundcube)


def signed_in(suite: Suite, login: Login) -> Webmail:
    browser = Webmail.at_pool(suite.site.roundcube)
    page = browser.log_in(*login)
    assert environment(page)["task"] == "mail", page.text[:300]
    return browser


def as_keryx(suite: Suite, address: str) -> dict[str, str]:
    """Return what the gateway adds for somebody who is signed in to Keryx."""
    return {"KERYX_USER": address, "KERYX_TOKEN": webmail_token.make(suite.site, address).reveal()}


def shows_sign_in(page: object) -> bool:
    return 'id="login-form"' in str(getattr(page, "text", ""))


# --- signing in by password -------------------------------------------------------------------


def test_the_sign_in_page_tells_no_version(webmail: Webmail) -> None:
    page = webmail.page()
    assert page.status_code == 200
    assert shows_sign_in(page)
    assert not re.search(r"1\.[67]\.\d|1060\d|PHP/|X-Powered-By", f"{page.headers}{page.text}")
    cookie = page.headers["set-cookie"]
    assert all(word in cookie for word in ("secure", "HttpOnly", "SameSite=Lax", "path=/roundcube/"))


def test_a_password_signs_in_and_the_log_names_the_client(suite: Suite, alice: Login) -> None:
    signed_in(suite, alice)
    assert f"Successful login for {alice[0]}" in suite.log("roundcube")
    assert f"from {CLIENT}" in suite.log("roundcube")
    assert re.search(
        rf"imap-login: Info: (?:Login|Logged in): user=<{alice[0]}>.*rip={CLIENT}, .*TLS",
        suite.log("dovecot"),
    )
    assert alice[1] not in suite.log("roundcube")


def test_a_wrong_password_does_not(suite: Suite, webmail: Webmail, alice: Login) -> None:
    page = webmail.log_in(alice[0], "wrong " + alice[1])
    assert page.status_code == 401
    assert shows_sign_in(page)
    assert f"Failed login for {alice[0]} from {CLIENT}" in suite.log("roundcube")


def test_an_inactive_account_is_out_at_once(suite: Suite, carol: Login) -> None:
    browser = signed_in(suite, carol)
    suite.keryx("user", "set", carol[0], "--inactive")
    assert "add_message_row" not in browser.fetch("mail", "list", _mbox="INBOX", _refresh="1")
    assert shows_sign_in(Webmail.at_pool(suite.site.roundcube).log_in(*carol))


def test_a_form_without_its_token_is_refused(suite: Suite, webmail: Webmail, alice: Login) -> None:
    webmail.page()
    webmail.token = "0" * 32
    form = {"_task": "login", "_action": "login", "_user": alice[0], "_pass": alice[1], "_token": "forged"}
    assert shows_sign_in(webmail.http.post("?_task=login", data=form))
    signed = signed_in(suite, alice)
    signed.token = "forged"
    answer = signed.http.post("", params={"_task": "mail", "_action": "send"}, data={"_token": "forged"})
    assert answer.status_code == 403


# --- mail -------------------------------------------------------------------------------------


def test_a_message_with_an_attachment_arrives_whole(suite: Suite, alice: Login, bob: Login) -> None:
    subject, content = f"Report {uuid.uuid4()}", bytes(range(256)) * 4000
    answer = signed_in(suite, alice).send(bob[0], subject, "See the report.\n", content)
    assert "sent_successfully" in answer.text, answer.text
    message = clients.arrives(suite, bob, subject)
    parts = {part.get_filename(): part.get_payload(decode=True) for part in message.walk()}
    assert parts["report.pdf"] == content
    assert "Alice O'Hara" in str(message["From"])
    assert alice[0] in str(message["From"])
    clients.arrives(suite, alice, subject, "Sent")


def test_marking_as_junk_teaches_the_filter(suite: Suite, carol: Login) -> None:
    subject = f"Offer {uuid.uuid4()}"
    clients.lmtp(suite, carol[0], clients.letter(subject, prose()))
    before = learnt(suite)["spam"]
    browser = signed_in(suite, carol)
    (uid,) = browser.listed()
    said = browser.call("mail", "plugin.markasjunk.junk", _uid=uid, _mbox="INBOX")
    assert "this.markasjunk_move" in said
    # The script in the browser then moves the message.
    browser.call("mail", "move", _uid=uid, _mbox="INBOX", _target_mbox="Junk")
    clients.arrives(suite, carol, subject, "Junk")
    assert not browser.listed()
    wait_for(lambda: learnt(suite)["spam"] == before + 1, "the filter has learnt one more spam")


def test_a_file_that_fits_in_no_message_is_refused(suite: Suite, alice: Login) -> None:
    browser = signed_in(suite, alice)
    compose = str(environment(browser.page(_task="mail", _action="compose"))["compose_id"])
    limit = suite.site.settings.message_size_limit_mb * 2**20
    for size in (limit + 2**19, limit + 3 * 2**20):
        said = browser.upload(compose, bytes(size))
        assert "remove_from_attachment_list" in said
        assert not browser.attached
        assert "exceeds the maximum size" in said
    assert "add2attachment_list" in browser.upload(compose, bytes(2**20))


# --- filters and vacation ---------------------------------------------------------------------


def test_a_vacation_answer_is_set_up_and_sent(suite: Suite, alice: Login, bob: Login) -> None:
    browser = signed_in(suite, alice)
    page = browser.page(_task="settings", _action="plugin.managesieve-vacation")
    assert "vacation_status" in page.text
    form = {"vacation_status": "on", "vacation_subject": "Away", "vacation_reason": "Back on Monday.",
            "vacation_interval": "1", "vacation_interval_type": "days", "vacation_action": "keep",
            "vacation_addresses": alice[0],}  # fmt: skip
    assert "data saved successfully" in browser.call("settings", "plugin.managesieve-vacation", **form)
    clients.submits(suite, bob, clients.letter("Lunch?", From=bob[0], To=alice[0]), alice[0])
    assert "Back on Monday." in str(clients.arrives(suite, bob, "Away").get_payload())


# --- password ---------------------------------------------------------------------------------


def change(browser: Webmail, old: str, new: str) -> str:
    browser.page(_task="settings", _action="plugin.password")
    form = {"_curpasswd": old, "_newpasswd": new, "_confpasswd": new, "_token": browser.token}
    query = {"_task": "settings", "_action": "plugin.password-save"}
    return browser.http.post("", params=query, data=form).text


def test_a_password_is_changed_by_keryx_rules(suite: Suite, carol: Login) -> None:
    browser, new = signed_in(suite, carol), f"purple giraffe {uuid.uuid4().hex}"
    assert "Current password incorrect" in change(browser, "not " + carol[1], new)
    assert f"The password for {carol[0]} is weak" in change(browser, carol[1], "password12")
    assert "10 are needed" in change(browser, carol[1], "short1!")
    assert clients.login_everywhere(suite, *carol) == clients.everywhere(True)
    assert "Successfully saved" in change(browser, carol[1], new)
    assert clients.login_everywhere(suite, *carol) == clients.everywhere(False)
    assert clients.login_everywhere(suite, carol[0], new) == clients.everywhere(True)
    # The session goes on with the new one.
    assert browser.listed() == {}


# --- signed in once ---------------------------------------------------------------------------


def test_who_is_signed_in_to_keryx_is_signed_in_here(suite: Suite, alice: Login) -> None:
    browser = Webmail.at_pool(suite.site.roundcube, as_keryx(suite, alice[0]))
    page = browser.page(_task="settings", _action="identities")
    assert environment(page)["task"] == "settings"
    assert alice[0] in page.text
    assert "Request" not in browser.fetch("mail", "list", _mbox="INBOX", _refresh="1")
    assert "sent_successfully" in browser.send(alice[0], "To myself", "Hello.").text
    clients.arrives(suite, alice, "To myself", "Sent")
    assert "vacation_status" in browser.page(_task="settings", _action="plugin.managesieve-vacation").text


def test_a_token_changes_the_password_too(suite: Suite, carol: Login) -> None:
    browser = Webmail.at_pool(suite.site.roundcube, as_keryx(suite, carol[0]))
    browser.page()
    new = f"purple giraffe {uuid.uuid4().hex}"
    assert "Current password incorrect" in change(browser, "guess", new)
    assert "Successfully saved" in change(browser, carol[1], new)
    assert clients.login_everywhere(suite, carol[0], new) == clients.everywhere(True)


def test_headers_of_a_client_sign_nobody_in(suite: Suite, alice: Login) -> None:
    token = webmail_token.make(suite.site, alice[0]).reveal()
    browser = Webmail.at_pool(suite.site.roundcube)
    for prefix in ("", "X-", "HTTP-"):
        headers = {f"{prefix}Keryx-User": alice[0], f"{prefix}Keryx-Token": token}
        underlined = {name.replace("-", "_"): value for name, value in headers.items()}
        for sent in (headers, underlined):
            assert shows_sign_in(browser.http.get("?_task=mail", headers=sent, follow_redirects=True))


@pytest.mark.parametrize("token", ["", "x", "e30.e30.e30"])
def test_a_wrong_token_signs_nobody_in(suite: Suite, alice: Login, token: str) -> None:
    browser = Webmail.at_pool(suite.site.roundcube, {"KERYX_USER": alice[0], "KERYX_TOKEN": token})
    assert shows_sign_in(browser.page())


def test_somebody_elses_token_signs_nobody_in(suite: Suite, alice: Login, bob: Login) -> None:
    mixed = {**as_keryx(suite, alice[0]), "KERYX_USER": bob[0]}
    assert shows_sign_in(Webmail.at_pool(suite.site.roundcube, mixed).page())


def test_another_person_at_the_same_browser_gets_his_own_mail(suite: Suite, alice: Login, bob: Login) -> None:
    browser = Webmail.at_pool(suite.site.roundcube, as_keryx(suite, alice[0]))
    assert alice[0] in browser.page(_task="settings", _action="identities").text
    becomes(browser, as_keryx(suite, bob[0]))
    page = browser.page(_task="settings", _action="identities")
    assert bob[0] in page.text
    assert alice[0] not in page.text


def test_a_session_by_token_ends_with_its_token(suite: Suite, alice: Login) -> None:
    browser = Webmail.at_pool(suite.site.roundcube, as_keryx(suite, alice[0]))
    browser.page()
    becomes(browser, {})
    assert environment(browser.page())["task"] == "mail"
    age(suite, alice[0], 700)
    assert shows_sign_in(browser.page())


def test_a_token_is_renewed_in_the_session(suite: Suite, alice: Login) -> None:
    browser = Webmail.at_pool(suite.site.roundcube, as_keryx(suite, alice[0]))
    browser.page()
    # A session whose token is spent: it gets the one that comes with the request.
    age(suite, alice[0], 700, spoil=True)
    assert "message_list" in browser.page(_task="mail").text
    assert "set_rowcount" in browser.fetch("mail", "list", _mbox="INBOX", _refresh="1")


def test_what_a_session_keeps_encrypted_can_always_be_decrypted(suite: Suite) -> None:
    # Of what GCM encrypted, Roundcube before 1.6.6 loses one in sixteen: those with a line end in the tag.
    program = """
        define('INSTALL_PATH', '/usr/share/roundcube/');
        require '/usr/share/roundcube/program/include/clisetup.php';
        $roundcube = rcube::get_instance();
        $good = 0;
        for ($i = 0; $i < 1000; $i++) {
            $good += $roundcube->decrypt($roundcube->encrypt("token $i")) === "token $i";
        }
        echo $roundcube->config->get('cipher_method'), ' ', $good;
    """
    etc = suite.site.paths.etc("roundcube")
    done = run(
        ["php", "-d", f"auto_prepend_file={etc / 'prepend.php'}", "-r", program],
        env={"ROUNDCUBE_CONFIG_DIR": str(etc / "config")},
        check=False,
    )
    assert (done.stdout, done.returncode) == ("AES-192-CBC 1000", 0), done.stderr


def test_signing_out_here_signs_out_of_keryx(suite: Suite, alice: Login) -> None:
    browser = Webmail.at_pool(suite.site.roundcube, as_keryx(suite, alice[0]))
    browser.page()
    answer = browser.http.get("", params={"_task": "logout", "_token": browser.token})
    assert (answer.status_code, answer.headers["location"]) == (302, "/logout")
    becomes(browser, {})
    assert shows_sign_in(browser.page(_task="mail"))


def becomes(browser: Webmail, variables: dict[str, str]) -> None:
    """Let the gateway say something else of who is signed in."""
    transport = browser.http._transport
    assert hasattr(transport, "variables")
    transport.variables = variables


def query(suite: Suite, text: str) -> str:
    from keryx.components.roundcube import commands

    site = suite.site
    database = commands.Database(
        site.database("roundcube"), site.paths.etc("roundcube") / "pgpass", site.paths.tls
    )
    return database.query(text)


def age(suite: Suite, address: str, seconds: int, *, spoil: bool = False) -> None:
    """Make the token of somebody's sessions older, and useless if ``spoil``."""
    import base64

    rows = query(suite, "SELECT sess_id || ' ' || vars FROM session").splitlines()
    for row in rows:
        name, _, packed = row.partition(" ")
        text = base64.b64decode(packed).decode()
        if address not in text:
            continue
        text = re.sub(
            r"keryx_renewed\|i:(\d+);", lambda found: f"keryx_renewed|i:{int(found[1]) - seconds};", text
        )
        if spoil:
            text = re.sub(r'password\|s:\d+:"[^"]*";', 'password|s:4:"AAAA";', text)
        packed = base64.b64encode(text.encode()).decode()
        query(suite, f"UPDATE session SET vars = '{packed}' WHERE sess_id = '{name}'")


# --- through the gateway ----------------------------------------------------------------------


def signed_in_to_keryx(suite: Suite, login: Login) -> Webmail:
    browser = Webmail.at_gateway(suite)
    url = f"{suite.site.web_url('admin')}/api/v1/session"
    answer = browser.http.post(url, json={"address": login[0], "password": login[1]})
    assert answer.status_code == 200, answer.text
    return browser


def test_nobody_signed_in_is_sent_to_keryx_and_then_gets_his_mail(suite: Suite, alice: Login) -> None:
    stranger = Webmail.at_gateway(suite)
    answer = stranger.http.get("", headers={"Accept": "text/html"})
    assert answer.status_code in (302, 303)
    assert answer.headers["location"].partition("?")[0].endswith("/login")
    browser = signed_in_to_keryx(suite, alice)
    page = browser.page(_task="settings", _action="identities")
    assert alice[0] in page.text
    subject = f"Through the gateway {uuid.uuid4()}"
    assert "sent_successfully" in browser.send(alice[0], subject, "Hello.", b"%PDF-1.7").text
    clients.arrives(suite, alice, subject)
    assert not {"server", "x-powered-by"} & set(page.headers) or page.headers["server"] == "nginx"


def test_headers_from_outside_sign_nobody_in(suite: Suite, alice: Login, bob: Login) -> None:
    token = webmail_token.make(suite.site, bob[0]).reveal()
    stolen = {"KERYX_USER": bob[0], "KERYX_TOKEN": token, "Keryx-User": bob[0], "Keryx-Token": token}
    stolen |= {"X-Keryx-User": bob[0], "X-Keryx-Token": token}
    answer = Webmail.at_gateway(suite).http.get("", headers=stolen)
    assert answer.status_code in (302, 303, 401)
    page = signed_in_to_keryx(suite, alice).http.get(
        "", params={"_task": "settings", "_action": "identities"}, headers=stolen, follow_redirects=True
    )
    assert alice[0] in page.text
    assert bob[0] not in page.text


def test_what_is_no_page_is_not_given_out(suite: Suite) -> None:
    browser = Webmail.at_gateway(suite)
    assert browser.http.get("skins/elastic/styles/styles.min.css").status_code == 200
    for path in ("ping", "installer/", "installer/index.php", "config/config.inc.php",
                 "SQL/postgres.initial.sql",
                 "plugins/managesieve/managesieve.php", "plugins/keryx_signin/keryx_signin.php", ".htaccess",
                 "bin/updatedb.sh", "program/include/iniset.php", "logs/errors.log"):  # fmt: skip
        assert browser.http.get(path).status_code == 404, path


# --- directory --------------------------------------------------------------------------------


def identities(browser: Webmail) -> set[str]:
    page = browser.page(_task="mail", _action="compose")
    select = page.text.partition('name="_from"')[2].partition("</select>")[0] or page.text
    return set(re.findall(r"&lt;([^\s&]+@[^\s&]+)&gt;", select))


def test_identities_are_the_addresses_of_the_account(suite: Suite) -> None:
    alias = clients.fresh("sales")
    login = suite.account("carol", "--name", "Carol Jones", "--alias", alias)
    assert identities(signed_in(suite, login)) == {login[0], alias}
    other = clients.fresh("info")
    suite.keryx("user", "set", login[0], "--remove-alias", alias, "--alias", other)
    browser = signed_in(suite, login)
    assert identities(browser) == {login[0], other}
    assert "sent_successfully" in browser.send(login[0], "From the alias", "Hello.", sender=other).text


def test_the_address_book_shows_the_own_domain_only(suite: Suite, alice: Login, bob: Login) -> None:
    suite.keryx("domain", "add", "other.example", "--if-missing")
    stranger, _ = suite.account("stranger", "--name", "Bob Stranger", domain="other.example")
    browser = signed_in(suite, alice)
    found = browser.fetch("mail", "autocomplete", _search="Bob", _reqid="1")
    assert bob[0] in found
    assert stranger not in found
    found = browser.fetch(
        "addressbook", "search", _source="directory", _q="stranger", _headers="name,email", _scope="base"
    )
    assert stranger not in found


def test_what_it_keeps_of_an_account_goes_with_the_mail(suite: Suite, carol: Login) -> None:
    signed_in(suite, carol)
    asked = f"SELECT mail_host FROM users WHERE username = '{carol[0]}'"
    # Under a name that another address of the server does not change.
    assert query(suite, asked) == "mailbox"
    suite.keryx("user", "remove", carol[0], "--purge-mail")
    assert query(suite, asked) == ""


# --- when something is away -------------------------------------------------------------------


def test_without_the_database_it_says_so_and_comes_back(suite: Suite, alice: Login) -> None:
    browser = signed_in(suite, alice)
    with suite.without("postgresql"):
        page = browser.page()
        assert page.status_code == 503
        assert suite.site.database("roundcube").password.reveal() not in page.text
        assert "SQLSTATE" not in page.text
        # The pool itself is alive, so mail's status does not turn red by it.
        Roundcube().ready(suite.site)
        with pytest.raises(errors.Unreachable, match=r"The database roundcube at .* cannot be used"):
            Roundcube().prepare(suite.site)
    assert environment(browser.page())["task"] == "mail"


def test_without_the_directory_who_is_in_goes_on(suite: Suite, alice: Login) -> None:
    browser = signed_in(suite, alice)
    with suite.without("openldap"):
        page = browser.page(_task="addressbook")
        assert page.status_code == 200


def test_the_pool_answers_itself_to_a_ping_only(suite: Suite) -> None:
    assert fastcgi.ask(suite.site.roundcube, PING).body == b"pong"
    refused = (403, b"Access denied.\n")
    answers = {
        "/etc/passwd": refused,
        f"{suite.home}/keryx.yaml": refused,
        # Roundcube's installer is off and leads elsewhere.
        "/usr/share/roundcube/installer/index.php": (302, b""),
    }
    for script, expected in answers.items():
        words = {**PING, "SCRIPT_NAME": "/x.php", "SCRIPT_FILENAME": script}
        answer = fastcgi.ask(suite.site.roundcube, words)
        assert (answer.status, answer.body) == expected, script
