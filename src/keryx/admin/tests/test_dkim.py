"""DKIM keys: made once, in the form the filter reads, published as the standards say."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from keryx.admin import dkim, dkim_forms
from keryx.components import testing
from keryx.core import errors
from keryx.settings.site import Paths, Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return dataclasses.replace(testing.site(), paths=Paths(tmp_path))


def test_a_domain_gets_both_keys_readable_by_the_filter_only(site: Site) -> None:
    keys = dkim.ensure(site, "example.org")
    assert [(key.algorithm, key.selector) for key in keys] == [
        ("rsa", "keryx-rsa"),
        ("ed25519", "keryx-ed"),
    ]
    for key in keys:
        path = site.paths.dkim / f"example.org.{key.selector}.key"
        assert path.stat().st_mode & 0o777 == 0o640
        assert path.group() == "_rspamd"
    assert site.paths.dkim.stat().st_mode & 0o777 == 0o750


def test_a_second_call_keeps_the_keys(site: Site) -> None:
    assert dkim.ensure(site, "example.org") == dkim.ensure(site, "example.org")


def test_only_a_missing_key_is_made_again(site: Site) -> None:
    rsa, ed = dkim.ensure(site, "example.org")
    (site.paths.dkim / "example.org.keryx-ed.key").unlink()
    again = dkim.ensure(site, "example.org")
    assert again[0] == rsa
    assert again[1].public != ed.public


def test_records_hold_the_public_keys(site: Site) -> None:
    rsa, ed = dkim.ensure(site, "example.org")
    assert rsa.record_name == "keryx-rsa._domainkey.example.org"
    assert rsa.record_text == f"v=DKIM1; k=rsa; p={rsa.public}"
    public = serialization.load_der_public_key(base64.b64decode(rsa.public))
    assert public.key_size == 2048  # type: ignore[union-attr]
    # RFC 8463, 4: the 32 bytes of the key itself, not an ASN.1 structure around them.
    assert len(base64.b64decode(ed.public)) == 32


def test_removing_a_domain_leaves_others_whose_names_begin_alike(site: Site) -> None:
    for domain in ("example.org", "example.org.uk", "sub.example.org"):
        dkim.ensure(site, domain)
    dkim.remove(site, "example.org")
    assert dkim.show(site, "example.org") == []
    assert {key.domain for key in dkim.every(site)} == {"example.org.uk", "sub.example.org"}


def test_a_key_of_a_former_selector_is_shown_as_not_signing(site: Site) -> None:
    dkim.ensure(site, "example.org")
    old = site.paths.dkim / "example.org.keryx-rsa.key"
    (site.paths.dkim / "example.org.2024.key").write_bytes(old.read_bytes())
    assert [(key.selector, key.active) for key in dkim.show(site, "example.org")] == [
        ("keryx-rsa", True),
        ("keryx-ed", True),
        ("2024", False),
    ]


def test_a_damaged_key_is_named(site: Site) -> None:
    dkim.ensure(site, "example.org")
    (site.paths.dkim / "example.org.keryx-rsa.key").write_text("-----BEGIN PRIVATE KEY-----\nno\n")
    with pytest.raises(errors.KeryxError, match=r"example\.org\.keryx-rsa\.key cannot be read"):
        dkim.show(site, "example.org")


# --- keys brought along ---


RSA = rsa.generate_private_key(65537, 1024)
ED25519 = ed25519.Ed25519PrivateKey.generate()
PKCS1 = RSA.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
PKCS8 = RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
DER = base64.b64encode(RSA.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())).decode()
ED_PEM = ED25519.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
ED_BASE64 = base64.b64encode(ED25519.private_bytes_raw() + ED25519.public_key().public_bytes_raw()).decode()
ED_SEED = base64.b64encode(ED25519.private_bytes_raw()).decode()


def selectors(site: Site, domain: str = "example.org") -> list[tuple[str, bool]]:
    return [(key.selector, key.active) for key in dkim.show(site, domain)]


@pytest.mark.parametrize(
    "text", [PKCS1, PKCS8, DER, f"\n{PKCS1}\n\n"], ids=["PKCS #1", "PKCS #8", "DER", "in blank lines"]
)
def test_an_rsa_key_is_kept_in_one_form(text: str) -> None:
    form = dkim_forms.read(text)
    assert (form.algorithm, form.bits, form.content) == ("rsa", 1024, PKCS8)


@pytest.mark.parametrize(
    "text", [ED_PEM, ED_BASE64, ED_SEED, ED_BASE64 + "\n"], ids=["PEM", "whole", "seed", "with a line's end"]
)
def test_an_ed25519_key_is_kept_in_one_form(text: str) -> None:
    form = dkim_forms.read(text)
    assert (form.algorithm, form.content) == ("ed25519", ED_BASE64 + "\n")
    assert form.public == base64.b64encode(ED25519.public_key().public_bytes_raw()).decode()


@pytest.mark.parametrize(
    ("text", "algorithm", "stays"), [(PKCS1, "rsa", 1), (ED_PEM, "ed25519", 0)], ids=["rsa", "ed25519"]
)
def test_a_key_brought_along_signs_instead_of_that_of_its_algorithm(
    site: Site, text: str, algorithm: str, stays: int
) -> None:
    made = dkim.ensure(site, "example.org")
    other = dkim.ensure(site, "example.net")
    brought = dkim.bring(site, "example.org", "mail", text)
    assert brought.changed
    assert brought.key.record_name == "mail._domainkey.example.org"
    signing = [key for key in dkim.show(site, "example.org") if key.active]
    assert signing == list(dkim.ensure(site, "example.org"))
    assert [key.algorithm for key in signing] == ["rsa", "ed25519"]
    assert made[stays] in signing
    assert brought.key in signing
    assert [key.selector for key in dkim.show(site, "example.org")][2:] == [made[1 - stays].selector]
    assert list(dkim.show(site, "example.net")) == list(other)
    pointer = site.paths.dkim / f"example.org.{algorithm}.selector"
    assert (pointer.read_text(), pointer.stat().st_mode & 0o777) == ("mail\n", 0o640)


def test_a_key_comes_before_any_is_made(site: Site) -> None:
    dkim.bring(site, "example.org", "mail", PKCS1)
    assert not dkim.complete(site, "example.org")
    assert [key.selector for key in dkim.ensure(site, "example.org")] == ["mail", "keryx-ed"]


def test_a_second_time_changes_nothing(site: Site) -> None:
    dkim.ensure(site, "example.org")
    dkim.bring(site, "example.org", "Mail", PKCS1)
    before = {path: path.stat().st_mtime_ns for path in site.paths.dkim.iterdir()}
    assert not dkim.bring(site, "example.org", "mail", DER).changed
    assert {path: path.stat().st_mtime_ns for path in site.paths.dkim.iterdir()} == before


def test_a_dry_run_changes_nothing(site: Site) -> None:
    dkim.ensure(site, "example.org")
    assert dkim.bring(site, "example.org", "mail", PKCS1, dry_run=True).changed
    assert selectors(site) == [("keryx-rsa", True), ("keryx-ed", True)]


def test_another_key_of_that_selector_goes_only_when_it_may(site: Site) -> None:
    dkim.ensure(site, "example.org")
    with pytest.raises(errors.Exists, match="has another key under the selector keryx-rsa"):
        dkim.bring(site, "example.org", "keryx-rsa", PKCS1)
    dkim.bring(site, "example.org", "keryx-rsa", PKCS1, replace=True)
    assert dkim.show(site, "example.org")[0].public == dkim_forms.read(PKCS1).public
    # The settings say that selector: nothing more needs to be kept.
    assert not list(site.paths.dkim.glob("*.selector"))


def test_the_selector_of_the_other_algorithm_is_refused(site: Site) -> None:
    dkim.ensure(site, "example.org")
    with pytest.raises(errors.Refused, match="keryx-ed is the selector of the ed25519 key"):
        dkim.bring(site, "example.org", "keryx-ed", PKCS1, replace=True)


def test_the_key_made_here_can_sign_again(site: Site) -> None:
    dkim.ensure(site, "example.org")
    dkim.bring(site, "example.org", "mail", PKCS1)
    assert dkim.use(site, "example.org", "keryx-rsa")
    assert not dkim.use(site, "example.org", "keryx-rsa")
    assert selectors(site) == [("keryx-rsa", True), ("keryx-ed", True), ("mail", False)]
    with pytest.raises(errors.NotFound, match="no key under the selector none"):
        dkim.use(site, "example.org", "none")


def test_what_was_chosen_goes_with_the_domain_and_no_other(site: Site) -> None:
    for domain in ("example.org", "sub.example.org"):
        dkim.bring(site, domain, "mail", PKCS1)
    dkim.remove(site, "example.org")
    assert sorted(path.name for path in site.paths.dkim.iterdir()) == [
        "sub.example.org.mail.key",
        "sub.example.org.rsa.selector",
    ]


WEAK = rsa.generate_private_key(65537, 1024)
LOCKED = WEAK.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode()
CURVE = ec.generate_private_key(ec.SECP256R1()).private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
)
PUBLIC = RSA.public_key().public_bytes(Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "damaged, or no private key"),
        ("not a key", "neither PEM nor base64"),
        ("bm90IGEga2V5", "damaged, or no private key"),
        (base64.b64encode(bytes(64)).decode(), "damaged, or no private key"),
        ("-----BEGIN PRIVATE KEY-----\nno\n", "damaged, or no private key"),
        (PUBLIC.decode(), "damaged, or no private key"),
        (LOCKED, "encrypted"),
        (CURVE.decode(), "neither an RSA nor an Ed25519 key"),
    ],
)
def test_what_is_no_key_is_refused_with_the_reason(site: Site, text: str, reason: str) -> None:
    with pytest.raises(errors.BadInput, match=reason) as caught:
        dkim.bring(site, "example.org", "mail", text)
    assert "PEM without a passphrase" in caught.value.remedy
    assert not site.paths.dkim.exists()


@pytest.mark.parametrize("selector", ["a.b", "", "../x", "a_b", "a" * 64])
def test_what_is_no_selector_is_refused(site: Site, selector: str) -> None:
    with pytest.raises(errors.BadInput, match="is not a selector"):
        dkim.bring(site, "example.org", selector, PKCS1)


def test_a_key_that_receivers_do_not_take_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    # The library makes no RSA key below 1024 bits any more.
    monkeypatch.setattr(dkim, "FEWEST_BITS", 1025)
    with pytest.raises(errors.BadInput, match="has 1024 bits"):
        dkim.bring(site, "example.org", "mail", PKCS1)
