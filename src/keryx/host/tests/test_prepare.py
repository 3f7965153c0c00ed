"""Preparation on a real, small daemon: files arrive whole, a refusal puts the old ones back."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import pwd
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from keryx.components.component import Command, Component, Platform, SystemUser
from keryx.core import errors
from keryx.core.files import Directory, File
from keryx.core.process import run
from keryx.core.secret import SecretStore
from keryx.host import prepare
from keryx.settings.model import SiteSettings
from keryx.settings.site import Paths, Site


@dataclasses.dataclass
class Speaker(Component):
    """A component whose check is a shell's: ``sh -n``."""

    name = "speaker"
    title = "says something"
    text: str = "echo hello\n"
    extra: bool = False

    def packages(self, platform: Platform) -> Sequence[str]:
        return ("dash",)

    def directories(self, site: Site) -> Sequence[Directory]:
        return (Directory(site.paths.etc(self.name)),)

    def render(self, site: Site) -> Sequence[File]:
        folder = site.paths.etc(self.name)
        more = (File(folder / "extra", "true\n"),) if self.extra else ()
        return (File(folder / "script", self.text, 0o600), *more)

    def validate(self, site: Site) -> None:
        run(["sh", "-n", site.paths.etc(self.name) / "script"])

    def command(self, site: Site) -> Command:
        return Command(("sh", str(site.paths.etc(self.name) / "script")))

    def ready(self, site: Site) -> None:
        return None


@pytest.fixture
def site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory() as folder:
        paths = Paths(Path(folder))
        yield Site(SiteSettings(domain="example.org"), paths, SecretStore(paths.secrets))


def script(site: Site) -> Path:
    return site.paths.etc("speaker") / "script"


def test_files_are_written_with_their_mode_and_noted(site: Site) -> None:
    component = Speaker()
    assert prepare.changed(component, site) == [script(site).with_name("command"), script(site)]
    prepare.prepare(component, site)
    prepare.record(component, site)
    assert script(site).read_text() == "echo hello\n"
    assert script(site).stat().st_mode & 0o777 == 0o600
    assert prepare.changed(component, site) == []
    assert prepare.changed(Speaker(text="echo bye\n"), site) == [script(site)]


def test_what_was_edited_by_hand_is_a_change(site: Site) -> None:
    component = Speaker()
    prepare.prepare(component, site)
    prepare.record(component, site)
    script(site).write_text("echo mine\n")
    assert prepare.changed(component, site) == [script(site)]
    script(site).unlink()
    assert prepare.changed(component, site) == [script(site)]
    prepare.prepare(component, site)
    assert script(site).read_text() == "echo hello\n"
    assert prepare.changed(component, site) == []


def test_other_arguments_are_a_change(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    component = Speaker()
    prepare.prepare(component, site)
    prepare.record(component, site)
    monkeypatch.setattr(component, "command", lambda site: Command(("sh", "-e", str(script(site)))))
    assert prepare.changed(component, site) == [script(site).with_name("command")]


def test_a_refusal_puts_the_old_files_back(site: Site) -> None:
    prepare.prepare(Speaker(), site)
    inode = script(site).stat().st_mode
    with pytest.raises(errors.CommandFailed):
        prepare.prepare(Speaker(text="if then\n"), site)
    assert script(site).read_text() == "echo hello\n"
    assert script(site).stat().st_mode == inode


def test_a_rehearsal_changes_nothing_either_way(site: Site) -> None:
    prepare.prepare(Speaker(), site)
    prepare.rehearse(Speaker(text="echo bye\n"), site)
    assert script(site).read_text() == "echo hello\n"
    with pytest.raises(errors.CommandFailed):
        prepare.rehearse(Speaker(text="if then\n"), site)
    assert script(site).read_text() == "echo hello\n"


def test_files_that_are_no_longer_wanted_go(site: Site) -> None:
    prepare.prepare(Speaker(extra=True), site)
    prepare.record(Speaker(extra=True), site)
    assert (site.paths.etc("speaker") / "extra").exists()
    prepare.prepare(Speaker(), site)
    assert not (site.paths.etc("speaker") / "extra").exists()


def test_of_many_that_make_one_user_at_once_each_sees_the_same_number() -> None:
    user = SystemUser("keryx-test-many")

    def make() -> int:
        prepare.make_user(user)
        return pwd.getpwnam(user.name).pw_uid

    try:
        for _ in range(5):
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                numbers = {made.result() for made in [pool.submit(make) for _ in range(8)]}
            assert numbers == {pwd.getpwnam(user.name).pw_uid}
            run(["userdel", user.name])
    finally:
        run(["userdel", user.name], check=False)
