"""The kernel: files, secrets, processes, checks."""

import os
import stat
from pathlib import Path

import pytest

from keryx.core import check, errors, files, process, secret


def test_a_file_is_written_whole_with_its_mode_and_only_when_different(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    assert files.write(path, "text\n", mode=0o640)
    inode = path.stat().st_ino
    assert not files.write(path, "text\n", mode=0o640)
    assert path.stat().st_ino == inode
    assert files.write(path, "text\n", mode=0o600), "a mode counts"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == ["file"], "no temporary file stays"


def test_an_unknown_owner_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(errors.KeryxError, match="nobody-here or group root does not exist"):
        files.write(tmp_path / "file", "", owner="nobody-here")


def test_a_diff_never_shows_a_secret(tmp_path: Path) -> None:
    shown = files.File(tmp_path / "a", "new\n")
    hidden = files.File(tmp_path / "b", "password = hunter2\n", secret=True)
    old = tmp_path / "c"
    old.write_text("")
    changes = files.compare([shown, hidden], present=[old])
    assert [(change.path.name, change.kind) for change in changes] == [
        ("a", "added"),
        ("b", "added"),
        ("c", "removed"),
    ]
    assert "+new" in changes[0].diff
    assert "hunter2" not in changes[1].diff


def test_a_secret_is_made_once_for_root_only_and_prints_as_stars(tmp_path: Path) -> None:
    store = secret.SecretStore(tmp_path / "secrets")
    value = store.get("reader")
    assert (tmp_path / "secrets/reader").read_text() == value.reveal(), "no newline: ldapadd -y reads it"
    assert len(value) == 24
    assert secret.SecretStore(tmp_path / "secrets").get("reader") == value
    assert stat.S_IMODE((tmp_path / "secrets/reader").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert value.reveal() not in repr(value)


def test_a_missing_secret_file_is_named_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(errors.BadInput, match="cannot be read: No such file"):
        secret.read(tmp_path / "none")
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(errors.BadInput, match="is empty"):
        secret.read(tmp_path / "empty")


def test_a_failed_command_tells_what_it_said() -> None:
    with pytest.raises(errors.CommandFailed) as caught:
        process.run(["sh", "-c", "echo first >&2; echo why >&2; exit 3"])
    assert caught.value.returncode == 3
    assert caught.value.sentence == "sh failed with status 3: why"
    with pytest.raises(errors.CommandFailed, match="timed out"):
        process.run(["tail", "-f", "/dev/null"], timeout=0.2)
    with pytest.raises(errors.CommandFailed, match="not installed"):
        process.run(["no-such-program"])


def test_a_check_that_raises_is_a_failed_check_with_its_remedy() -> None:
    def broken() -> check.Finding:
        raise errors.Unreachable("It does not answer.", remedy="Start it.")

    checks = [check.Check("a", "good", lambda: check.ok("Fine.")), check.Check("b", "bad", broken)]
    results = list(check.run(checks))
    assert [(r.id, r.status, r.sentence, r.remedy) for r in results] == [
        ("a", check.Status.OK, "Fine.", ""),
        ("b", check.Status.FAILED, "It does not answer.", "Start it."),
    ]
