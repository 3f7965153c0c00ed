"""What stands in a home before any component: folders, and the certificate that all of them show.

On a machine ``keryx up`` sees to it. In containers each ``keryx run`` does: those that share a home
do it one after the other, and what the first has made stays.
"""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Callable
from dataclasses import dataclass

from keryx.core import errors, files
from keryx.settings.site import Site
from keryx.tls import authority

log = logging.getLogger(__name__)

FOLDERS = (("etc", 0o755), ("run", 0o755), ("data", 0o755), ("log", 0o750), ("state", 0o700))


def lay(site: Site) -> None:
    """Make the folders, and a certificate where the settings name none.

    Raises BadInput when the certificate that they name is missing or does not fit its key.
    """
    for folder, mode in FOLDERS:
        files.make_directory(files.Directory(site.paths.home / folder, mode))
    if site.placement is not None:
        # Secrets and certificate are the release's: given, the same to every pod.
        authority.check_pair(*site.inner_tls.files)
        return
    files.make_directory(files.Directory(site.paths.secrets, 0o700))
    if site.settings.tls.certificate is not None:
        authority.check_pair(site.certificate, site.certificate_key)
        return
    with (site.paths.state / "certificate.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        authority.ensure(site.paths.tls, list(site.host_names))


@dataclass
class Foundation:
    """Loads a suite and lays its foundation, time and again, for who outlives the settings' changes."""

    load: Callable[[], Site]
    public: bool = False
    """Whether clients were shown the cluster's public certificate when it was last loaded."""
    complaint: str = ""

    def __call__(self) -> Site:
        """Return the suite as it is now.

        A public certificate that does not fit its key is as good as absent, which is told once; but
        where one was shown before, BadInput is raised: the daemons have that one still.
        """
        site = self.load()
        lay(site)
        complaint = _unfit(site)
        if complaint and self.public:
            raise errors.BadInput(complaint, remedy="The one before is shown on.")
        if complaint and complaint != self.complaint:
            log.error("%s The release's own certificate is shown.", complaint)
        self.complaint, self.public = complaint, site.given_pair is not None
        return site


def _unfit(site: Site) -> str:
    """Return why a public certificate that is there is not shown; empty when nothing is wrong."""
    pair = site.public_tls
    wanted = site.placement is not None and site.settings.tls.certificate is None
    if not wanted or site.given_pair or not all(path.exists() for path in pair.files):
        return ""
    return f"{pair.key} is no private key of the certificate in {pair.certificate}."
