"""What stands in a home before any component: folders, and the certificate that all of them show.

On a machine ``keryx up`` sees to it. In containers each ``keryx run`` does: those that share a home
do it one after the other, and what the first has made stays.
"""

from __future__ import annotations

import fcntl

from keryx.core import files
from keryx.settings.site import Site
from keryx.tls import authority

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
