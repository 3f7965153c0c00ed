"""Placement: which daemons stand together, and by what names the others are reached.

On a machine all of them stand together and there is no placement. In a cluster those of one pod
do: they share sockets and the loopback address. ``placement.yaml`` beside keryx.yaml, the same for
the whole release, lists the pods; ``KERYX_POD`` in the environment says in which one a process is,
``KERYX_CONFIG`` where keryx.yaml is when it is not in the home::

    cluster_domain: cluster.local
    pods:
      openldap: {host: mail-openldap, components: [openldap]}
      postfix: {host: mail-postfix, components: [postfix, postsrsd, unbound, rspamd, dovecot]}
      rspamd: {host: mail-rspamd, components: [rspamd, unbound, dovecot]}

A pod that has a component's name is where that component works for all; in other pods it only
helps its neighbours (Dovecot beside Postfix answers logins and keeps no mail). Between pods
everything that carries a password or mail goes through TLS, with certificates of the authority in
``tls/ca.pem``.
"""

from __future__ import annotations

import os
from pathlib import Path

import pydantic
import yaml

from keryx.core import errors
from keryx.settings.model import SiteSettings
from keryx.settings.ports import INNER, inner
from keryx.settings.section import Section

FILE = "placement.yaml"
ENVIRONMENT = "KERYX_POD"
CONFIG = "KERYX_CONFIG"
"""Names the settings file where that is not keryx.yaml in the home."""


PROBES = 18080
"""The port of the first container's probe; the others of a pod follow in order."""
PROBE = "KERYX_PROBE_PORT"
"""The variable that names a container's own; without it no probe is answered."""


class Pod(Section):
    """Daemons that share sockets and the loopback address."""

    host: str
    """The name by which other pods reach it: a Service's."""
    components: tuple[str, ...]
    """The daemons in it."""


class Pods(Section):
    """The file ``placement.yaml``."""

    pods: dict[str, Pod]
    """Every pod of the release, by a name of its own."""
    cluster_domain: str = ""
    """The domain of the cluster's own names, such as ``cluster.local``: the name servers that the
    cluster gives to a pod are asked about it, and about nothing else."""


class Placement(Section):
    """The pods, and the one that this process is in."""

    here: str
    """The name of this process's pod."""
    pods: dict[str, Pod]
    """Every pod of the release."""
    cluster_domain: str = ""
    """The domain of the cluster's own names."""

    def beside(self, component: str) -> bool:
        """Whether the component, or a helper of its kind, is in this pod."""
        return component in self.pods[self.here].components

    def works_here(self, component: str) -> bool:
        """Whether this pod is where the component works for all."""
        return self._home(component) == self.here

    def host(self, component: str) -> str:
        """Return the name by which the component is reached; empty when the release has none."""
        home = self._home(component)
        return self.pods[home].host if home else ""

    def probe(self, component: str) -> str:
        """Return the URL at which the component's container tells how it is."""
        pod = self.pods[self._home(component)]
        return f"http://{pod.host}:{PROBES + pod.components.index(component)}/"

    def _home(self, component: str) -> str:
        if component in self.pods:
            return component
        return next((name for name, pod in self.pods.items() if component in pod.components), "")


def settings_file(home: Path) -> Path:
    """Return which file holds the settings: the one that the environment names, else the home's."""
    named = os.environ.get(CONFIG, "")
    return Path(named).absolute() if named else home / "keryx.yaml"


def read(home: Path, config: Path | None = None) -> Placement | None:
    """Return the placement beside the settings file, None where there is none: on a machine.

    ``config`` is the settings file where the command line names one.

    Raises BadInput when the file is wrong or the environment names no pod of it.
    """
    path = (config or settings_file(home)).with_name(FILE)
    try:
        values = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise errors.BadInput(f"{path} cannot be read: {error}.", remedy="The chart writes it.") from error
    try:
        found = Pods.model_validate(values)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise errors.BadInput(f"{path}: {where}: {first['msg']}.", remedy="The chart writes it.") from error
    here = os.environ.get(ENVIRONMENT, "")
    if here not in found.pods:
        raise errors.BadInput(
            f'{ENVIRONMENT} is "{here}", which is no pod of {path}.',
            remedy=f"Set it to one of {', '.join(found.pods)}.",
        )
    return Placement(here=here, pods=found.pods, cluster_domain=found.cluster_domain)


def placed(settings: SiteSettings, placement: Placement, home: Path) -> SiteSettings:
    """Return the settings as this pod sees them.

    The release's own directory and database are, in every pod but their own, what an external
    server is: reached by name through TLS, with passwords of the secrets' folder.
    """
    secrets, authority = home / "secrets", home / "tls" / "ca.pem"
    directory, database = settings.directory, settings.database
    if directory.embedded and not placement.beside("openldap"):
        port = inner(INNER["openldap"], settings.port_offset)
        directory = directory.model_copy(
            update={
                "embedded": False,
                "root_dn": settings.root_dn,
                "uri": f"ldaps://{placement.host('openldap')}:{port}",
                "ca": authority,
                "bind_password_file": directory.bind_password_file or secrets / "ldap-reader",
                "admin_password_file": directory.admin_password_file or secrets / "ldap-admin",
            }
        )
    if database.embedded and not placement.beside("postgresql"):
        database = database.model_copy(
            update={
                "embedded": False,
                "host": placement.host("postgresql"),
                "port": inner(INNER["postgresql"], settings.port_offset),
                "sslmode": "verify-full",
                "ca": authority,
                "admin_user": "postgres",
                "admin_password_file": secrets / "postgresql-admin",
            }
        )
    return settings.model_copy(update={"directory": directory, "database": database})
