"""What is wanted against what is there, without a cluster."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from keryx.cluster import settings
from keryx.cluster.handlers import applications, certificate, record
from keryx.cluster.handlers.applications import Server, is_ours, reconcile_account
from keryx.cluster.objects import Body, decoded, difference, encoded
from keryx.cluster.settings import Application, Certificate, Record
from keryx.core import errors
from keryx.core.model import Account

MARK = "mail/my-mail"
WEB = Application(name="web", namespace="shop", secret="web-smtp")  # a name
SERVER = Server("mail-postfix.mail.svc", 11587, "PEM")
ADDRESS = "web@example.org"
OURS = Account(ADDRESS, applications.full_name(WEB, MARK), send_only=True)


@pytest.mark.parametrize(
    ("wanted", "observed", "patch"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, {}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, {"a": {"c": 2}}),
        ({"a": {"b": None}}, {"a": {"b": 1}}, {"a": {"b": None}}),
        ({"a": {"b": None}}, {"a": {}}, {}),
        ({"a": [1, 2]}, {"a": [2, 1]}, {"a": [1, 2]}),
        ({"a": {"b": 1}}, {}, {"a": {"b": 1}}),
    ],
)
def test_a_patch_has_what_differs_and_nothing_else(wanted: Body, observed: Body, patch: Body) -> None:
    assert difference(wanted, observed) == patch


def test_a_record_has_addresses_of_both_kinds_apart() -> None:
    body = record.reconcile(
        Record(name="mail", pods="a=b"),
        "mail",
        MARK,
        ["mx.example.org"],
        ["2001:db8::1", "192.0.2.2", "192.0.2.1"],
    )
    assert body is not None
    assert [(one["recordType"], one["targets"]) for one in body["spec"]["endpoints"]] == [
        ("A", ["192.0.2.1", "192.0.2.2"]),
        ("AAAA", ["2001:db8::1"]),
    ]
    assert record.targets_of(body) == ["192.0.2.1", "192.0.2.2", "2001:db8::1"]


def test_a_record_without_addresses_is_none() -> None:
    assert record.reconcile(Record(name="mail", pods="a=b"), "mail", MARK, ["mx.example.org"], []) is None


def test_a_node_counts_by_the_first_kind_of_address_that_it_has() -> None:
    told = [{"type": "InternalIP", "address": "10.0.0.1"}, {"type": "ExternalIP", "address": "node.example"}]
    node = {"status": {"addresses": told}}
    assert record.addresses(node, ["ExternalIP"]) == []
    assert record.addresses(node, ["ExternalIP", "InternalIP"]) == ["10.0.0.1"]


def test_half_a_certificate_is_not_copied() -> None:
    wanted = Certificate(namespace="web", name="wildcard", target="copy")
    assert certificate.reconcile(wanted, "mail", MARK, None) is None
    assert certificate.reconcile(wanted, "mail", MARK, {"data": {"tls.crt": "eA=="}}) is None


def test_a_password_is_kept_and_one_that_is_no_text_replaced() -> None:
    def password(data: Body) -> str:
        made = applications.reconcile(WEB, ADDRESS, SERVER, MARK, {"data": data}, lambda: "fresh")
        assert decoded(made[0]["data"]["SMTP_PASSWORD"]) == made[1]
        return made[1]

    assert password({"SMTP_PASSWORD": encoded("kept")}) == "kept"
    assert password({"SMTP_PASSWORD": "not base64"}) == "fresh"
    assert password({}) == "fresh"


def test_an_account_is_ours_by_name_and_as_long_as_it_only_sends() -> None:
    assert is_ours(OURS, MARK)
    assert not is_ours(OURS, "other/my-mail")
    assert not is_ours(Account(ADDRESS, OURS.name), MARK)
    assert not is_ours(Account(ADDRESS, "Alice", send_only=True), MARK)


@pytest.mark.parametrize(
    ("account", "fits", "steps"),
    [
        (None, False, ["add"]),
        (OURS, True, []),
        (OURS, False, ["password"]),
        (Account(ADDRESS, f"Application old/name of the release {MARK}", send_only=True), True, ["rename"]),
    ],
)
def test_an_account_gets_what_it_lacks(account: Account | None, fits: bool, steps: list[str]) -> None:
    assert reconcile_account(WEB, ADDRESS, MARK, account, fits=fits) == steps


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ("release: x\nnamespace: y\nrecrod: {}\n", "recrod: Extra inputs are not permitted"),
        ("release: x\nnamespace: y\ncertificate: {namespace: y, name: a, target: b}\n", "the release's own"),
        (
            "release: x\nnamespace: y\napplications:\n"
            "- {name: a, namespace: n, secret: s}\n- {name: b, namespace: n, secret: s}\n",
            "2 applications ask for the Secret n/s",
        ),
        ("release: [", "cannot be read"),
    ],
)
def test_a_wrong_file_is_refused_with_a_sentence(tmp_path: Path, values: str, sentence: str) -> None:
    path = tmp_path / "operator.yaml"
    path.write_text(values)
    with pytest.raises(errors.BadInput, match=re.escape(sentence)):
        settings.read(path)
