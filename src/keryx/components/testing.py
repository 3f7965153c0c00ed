"""Help for the components' tests: sites made of text, golden files compared whole.

A golden folder holds one file per rendered file, at the path below the home (``etc/redis/...``).
``KERYX_UPDATE_GOLDEN=1`` rewrites it; read the difference before you commit it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from keryx.components import registry
from keryx.components.component import Component
from keryx.core.secret import PlaceholderSecrets
from keryx.settings import load, placement
from keryx.settings.site import Paths, Site, Version

HOME = Path("/srv/keryx")


PODS = {
    name: placement.Pod(host=f"mail-{name}", components=components)
    for name, components in {
        "openldap": ("openldap",),
        "postgresql": ("postgresql",),
        "redis": ("redis",),
        "clamav": ("clamav", "freshclam"),
        "rspamd": ("rspamd", "unbound", "dovecot", "privileged", "nginx"),
        "dovecot": ("dovecot", "privileged", "nginx"),
        "postfix": ("postfix", "postsrsd", "unbound", "rspamd", "dovecot", "privileged", "nginx"),
        "memcached": ("memcached",),
        "sogo": ("sogo", "dav", "activesync", "nginx"),
        "roundcube": ("roundcube", "nginx"),
        "admin": ("admin", "nginx"),
        "nginx": ("nginx",),
    }.items()
}
"""A release whose daemons stand apart."""


def site(
    text: str = "domain: example.org\n", versions: Mapping[str, Version] | None = None, *, pod: str = ""
) -> Site:
    """Return a site of these settings, with recognisable placeholders for secrets.

    On a machine, or as a pod of ``PODS`` sees it.
    """
    settings = load.parse(text, registry.settings_model())
    if not pod:
        return Site(settings, Paths(HOME), PlaceholderSecrets(), versions or {})
    where = placement.Placement(here=pod, pods=PODS, cluster_domain="cluster.local")
    settings = placement.placed(settings, where, HOME)
    return Site(settings, Paths(HOME), _PodSecrets(), versions or {}, where)


class _PodSecrets(PlaceholderSecrets):
    """In a pod, the passwords of the release's own servers stand in files too."""

    all_copied = True


def check_golden(component: Component, site: Site, folder: Path) -> None:
    """Compare everything that the component renders with the files in ``folder``."""
    made = {_name(file.path): file.content for file in component.render(site)}
    if os.environ.get("KERYX_UPDATE_GOLDEN"):
        shutil.rmtree(folder, ignore_errors=True)
        for name, content in made.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content)
    kept = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert sorted(made) == sorted(kept)
    for name, content in made.items():
        assert content == kept[name], (
            f"{name} differs from its golden file; KERYX_UPDATE_GOLDEN=1 rewrites it"
        )


def _name(path: Path) -> str:
    return str(path.relative_to(HOME)) if path.is_relative_to(HOME) else str(path.relative_to("/"))
