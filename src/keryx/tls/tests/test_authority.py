import stat
from pathlib import Path

import pytest

from keryx.core import errors
from keryx.core.process import run
from keryx.tls import authority


def test_openssl_accepts_the_certificate_for_the_host_name(tmp_path: Path) -> None:
    assert authority.ensure(tmp_path, ["mail.example.org"])
    options = ["-x509_strict", "-purpose", "sslserver", "-verify_hostname", "mail.example.org"]
    done = run(["openssl", "verify", *options, "-CAfile", tmp_path / "ca.pem", tmp_path / "cert.pem"])
    assert done.stdout.strip().endswith(": OK")


def test_keys_are_for_root_only(tmp_path: Path) -> None:
    authority.ensure(tmp_path, ["mail.example.org"])
    for name in ("ca.key", "key.pem"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_it_is_signed_once_and_again_for_another_name_by_the_same_authority(tmp_path: Path) -> None:
    authority.ensure(tmp_path, ["mail.example.org"])
    before, root = (tmp_path / "cert.pem").read_bytes(), (tmp_path / "ca.pem").read_bytes()
    assert not authority.ensure(tmp_path, ["mail.example.org"])
    assert (tmp_path / "cert.pem").read_bytes() == before
    assert authority.ensure(tmp_path, ["mx.example.org"])
    assert authority.names_of(authority.read(tmp_path / "cert.pem")) == ["mx.example.org"]
    assert (tmp_path / "ca.pem").read_bytes() == root


def test_a_foreign_key_is_refused(tmp_path: Path) -> None:
    authority.ensure(tmp_path / "a", ["mail.example.org"])
    authority.ensure(tmp_path / "b", ["mail.example.org"])
    authority.check_pair(tmp_path / "a/cert.pem", tmp_path / "a/key.pem")
    with pytest.raises(errors.BadInput, match="does not belong to"):
        authority.check_pair(tmp_path / "a/cert.pem", tmp_path / "b/key.pem")
    with pytest.raises(errors.BadInput, match="holds no certificate"):
        authority.check_pair(tmp_path / "a/key.pem", tmp_path / "a/key.pem")
