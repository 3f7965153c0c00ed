import dataclasses
import threading
from pathlib import Path

import pytest

from keryx.admin import access
from keryx.components.testing import site
from keryx.core import errors
from keryx.settings.site import Paths, Site


@pytest.fixture
def here(tmp_path: Path) -> Site:
    return dataclasses.replace(site(), paths=Paths(tmp_path))


def test_one_at_a_time(here: Site) -> None:
    order: list[str] = []

    def second() -> None:
        with access.lock(here):
            order.append("second")

    other = threading.Thread(target=second)
    with access.lock(here):
        other.start()
        other.join(0.2)
        order.append("first")
    other.join(10)
    assert order == ["first", "second"]


def test_who_keeps_it_too_long_is_not_waited_for(here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "PATIENCE", 0.1)
    with access.lock(here), pytest.raises(errors.Unreachable, match="Somebody else"), access.lock(here):
        pass
    with access.lock(here):
        pass


def test_a_link_in_the_lock_s_place_is_not_followed(here: Site, tmp_path: Path) -> None:
    """Whoever could put one there would have root open a file of his choice."""
    victim = tmp_path / "victim"
    here.paths.directory_lock.parent.mkdir(parents=True)
    here.paths.directory_lock.symlink_to(victim)
    with pytest.raises(OSError, match="Too many levels"), access.lock(here):
        pass
    assert not victim.exists()
