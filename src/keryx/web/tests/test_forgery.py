"""What browsers say of a request, and whether SOGo gets to see it signed in."""

import pytest

from keryx.web.forgery import is_forged

INBOX = "/SOGo/so/alice@example.org/Mail/0/folderINBOX"
SCRIPT = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "host": "mail.example.org"}
OPENED = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"}
PICTURE = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
TYPED = {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}
ELSEWHERE = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
PAGE = {"accept": "text/html,application/xhtml+xml", "host": "mail.example.org"}


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("POST", f"{INBOX}/expunge", SCRIPT),
        ("GET", f"{INBOX}/expunge", SCRIPT),
        ("GET", "/SOGo/so/alice@example.org/Mail/view", OPENED),
        ("GET", f"{INBOX}/12/popupview", OPENED),
        ("GET", f"{INBOX}/12/2/asAttachment/report.pdf", OPENED),
        ("GET", f"{INBOX}/exportFolder", OPENED),
        ("GET", f"{INBOX}/saveMessages?uids=1,2", OPENED),
        ("GET", f"{INBOX}/12/2/picture.png", PICTURE),
        ("GET", "/SOGo/", TYPED),
        ("GET", "/SOGo/so/alice@example.org/Calendar/view", TYPED),
        ("GET", "/SOGo", ELSEWHERE),
        ("GET", "/SOGo/alice@example.org", ELSEWHERE),
        ("GET", "/SOGo/so/alice@example.org/", ELSEWHERE),
        ("GET", "/SOGo/so/alice@example.org/Mail/view", ELSEWHERE),
        # Browsers that do not say so yet.
        ("POST", f"{INBOX}/view", {"origin": "https://mail.example.org", "host": "mail.example.org"}),
        ("GET", "/SOGo/", PAGE),
        (
            "GET",
            f"{INBOX}/unseenCount",
            {
                "referer": "https://mail.example.org/SOGo/so/a/Mail/view",
                "accept": "application/json, text/plain, */*",
                "host": "mail.example.org",
            },
        ),
    ],
)
def test_what_sogos_pages_and_people_do_goes_through(
    method: str, target: str, headers: dict[str, str]
) -> None:
    assert not is_forged(method, target, headers)


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GET", f"{INBOX}/expunge", OPENED),
        ("GET", f"{INBOX}/expunge", TYPED),
        ("GET", f"{INBOX}/expunge", PICTURE),
        ("GET", f"{INBOX}/%65xpunge", OPENED),
        ("GET", f"{INBOX}/expunge/", OPENED),
        ("GET", f"{INBOX}/expunge/x?y=z", OPENED),
        ("GET", f"{INBOX}?:method=expunge", OPENED),
        ("GET", f"{INBOX}/view?expunge:method=1", SCRIPT),
        ("GET", "/SOGo/so/alice@example.org/Mail/0/folderTrash/emptyTrash", OPENED),
        ("GET", "/SOGo/so/alice@example.org/Contacts/personal/delete", TYPED),
        ("GET", "/SOGo/so/alice@example.org/Mail/0/folderINBOX/1/view", ELSEWHERE),
        ("GET", "/SOGo/crash", ELSEWHERE),
        ("POST", "/SOGo/so/alice@example.org/Mail/view", ELSEWHERE),
        ("POST", f"{INBOX}/expunge", OPENED),
        ("POST", f"{INBOX}/expunge", {**SCRIPT, "sec-fetch-site": "cross-site"}),
        ("POST", f"{INBOX}/expunge", {**SCRIPT, "sec-fetch-site": "same-site"}),
        ("POST", f"{INBOX}/expunge", {**SCRIPT, "sec-fetch-site": "none"}),
        # Browsers that do not say so yet.
        ("POST", f"{INBOX}/view", {"origin": "https://evil.example", "host": "mail.example.org"}),
        ("POST", f"{INBOX}/view", {"origin": "null", "host": "mail.example.org"}),
        ("POST", f"{INBOX}/view", {"host": "mail.example.org"}),
        ("GET", f"{INBOX}/expunge", PAGE),
        ("GET", f"{INBOX}/1/view", {**PAGE, "referer": "https://evil.example/"}),
    ],
)
def test_what_somebody_else_may_have_made_the_browser_send_does_not(
    method: str, target: str, headers: dict[str, str]
) -> None:
    assert is_forged(method, target, headers)
