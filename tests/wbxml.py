"""ActiveSync's WBXML: as much of the code pages as the tests speak (MS-ASWBXML, WBXML 1.3).

A document is a tree of ElementTree elements named ``Page-Tag``; what the tables do not know is read
as ``Page-0xNN``.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from xml.etree.ElementTree import Element

PAGES: dict[int, tuple[str, dict[str, int]]] = {
    0: ("AirSync", {
        "Sync": 0x05, "Responses": 0x06, "Add": 0x07, "Change": 0x08, "Delete": 0x09, "Fetch": 0x0A,
        "SyncKey": 0x0B, "ClientId": 0x0C, "ServerId": 0x0D, "Status": 0x0E, "Collection": 0x0F,
        "Class": 0x10, "CollectionId": 0x12, "GetChanges": 0x13, "MoreAvailable": 0x14,
        "WindowSize": 0x15, "Commands": 0x16, "Options": 0x17, "FilterType": 0x18, "Collections": 0x1C,
        "ApplicationData": 0x1D, "DeletesAsMoves": 0x1E, "MIMESupport": 0x22,
    }),
    1: ("Contacts", {"Email1Address": 0x1B, "FileAs": 0x1E, "FirstName": 0x1F, "LastName": 0x29}),
    2: ("Email", {"Subject": 0x14, "Read": 0x15, "To": 0x16, "From": 0x18}),
    4: ("Calendar", {
        "Timezone": 0x05, "AllDayEvent": 0x06, "BusyStatus": 0x0D, "DtStamp": 0x11, "EndTime": 0x12,
        "Sensitivity": 0x25, "Subject": 0x26, "StartTime": 0x27, "UID": 0x28, "MeetingStatus": 0x18,
    }),
    7: ("FolderHierarchy", {
        "DisplayName": 0x07, "ServerId": 0x08, "ParentId": 0x09, "Type": 0x0A, "Status": 0x0C,
        "Changes": 0x0E, "Add": 0x0F, "SyncKey": 0x12, "FolderSync": 0x16, "Count": 0x17,
    }),
    13: ("Ping", {
        "Ping": 0x05, "Status": 0x07, "HeartbeatInterval": 0x08, "Folders": 0x09, "Folder": 0x0A,
        "Id": 0x0B, "Class": 0x0C,
    }),
    14: ("Provision", {
        "Provision": 0x05, "Policies": 0x06, "Policy": 0x07, "PolicyType": 0x08, "PolicyKey": 0x09,
        "Data": 0x0A, "Status": 0x0B, "EASProvisionDoc": 0x0D,
    }),
    17: ("AirSyncBase", {
        "BodyPreference": 0x05, "Type": 0x06, "TruncationSize": 0x07, "Body": 0x0A, "Data": 0x0B,
    }),
    21: ("ComposeMail", {
        "SendMail": 0x05, "SaveInSentItems": 0x08, "Mime": 0x10, "ClientId": 0x11, "Status": 0x12,
    }),
}  # fmt: skip
NUMBERS = {name: page for page, (name, _) in PAGES.items()}
SWITCH_PAGE, END, STRING, OPAQUE, CONTENT = 0x00, 0x01, 0x03, 0xC3, 0x40
HEADER = b"\x03\x01\x6a\x00"
"""WBXML 1.3, an unknown public identifier, UTF-8, no string table."""


def tree(tag: str, *children: Element | str | bytes) -> Element:
    """Return an element; text becomes its text, bytes become opaque data."""
    made = Element(tag)
    for child in children:
        if isinstance(child, Element):
            made.append(child)
        elif isinstance(child, bytes):
            made.text = child.decode("latin-1")
            made.set("opaque", "yes")
        else:
            made.text = child
    return made


def encode(root: Element) -> bytes:
    """Return a document."""
    body, _ = _element(root, 0)
    return HEADER + body


def _element(element: Element, page: int) -> tuple[bytes, int]:
    name, _, tag = element.tag.partition("-")
    number = NUMBERS[name]
    out = bytearray()
    if number != page:
        out += bytes((SWITCH_PAGE, number))
    token = PAGES[number][1][tag]
    if not len(element) and not element.text:
        return bytes(out) + bytes((token,)), number
    out.append(token | CONTENT)
    if element.get("opaque"):
        data = (element.text or "").encode("latin-1")
        out += bytes((OPAQUE,)) + _multibyte(len(data)) + data
    elif element.text:
        out += bytes((STRING,)) + element.text.encode() + b"\0"
    for child in element:
        inner, number = _element(child, number)
        out += inner
    out.append(END)
    return bytes(out), number


def _multibyte(number: int) -> bytes:
    out = [number & 0x7F]
    while number := number >> 7:
        out.append(number & 0x7F | 0x80)
    return bytes(reversed(out))


def decode(data: bytes) -> Element:
    """Return the tree of a document; fails on what is no WBXML."""
    assert data[:3] == HEADER[:3], f"no WBXML: {data[:60]!r}"
    root = Element("root")
    stack, page, at = [root], 0, 4 + data[3]
    while at < len(data):
        token = data[at]
        at += 1
        if token == SWITCH_PAGE:
            page, at = data[at], at + 1
        elif token == END:
            stack.pop()
        elif token == STRING:
            end = data.index(0, at)
            stack[-1].text = (stack[-1].text or "") + data[at:end].decode()
            at = end + 1
        elif token == OPAQUE:
            size, at = _read(data, at)
            stack[-1].text = (stack[-1].text or "") + data[at : at + size].decode(errors="replace")
            at += size
        else:
            made = ElementTree.SubElement(stack[-1], _name(page, token & 0x3F))
            if token & CONTENT:
                stack.append(made)
    assert len(stack) == 1, "an element has no end"
    (document,) = root
    return document


def _read(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    while True:
        byte = data[at]
        number, at = number << 7 | byte & 0x7F, at + 1
        if byte < 0x80:
            return number, at


def _name(page: int, token: int) -> str:
    name, tags = PAGES.get(page, (str(page), {}))
    return next((f"{name}-{tag}" for tag, code in tags.items() if code == token), f"{name}-{token:#04x}")
