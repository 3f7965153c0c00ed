"""DKIM keys: made once, in the form the filter reads, published as the standards say."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from keryx.admin import dkim
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
