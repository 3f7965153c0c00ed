"""Which DNS records the site needs, with the keys it has made."""

from __future__ import annotations

from collections.abc import Sequence

from keryx.admin import dkim
from keryx.core.wording import shown
from keryx.dns import records
from keryx.dns.records import Record
from keryx.settings.site import Site


def domain_records(site: Site, domain: str) -> Sequence[Record]:
    """Return the records that a mail domain needs."""
    keys = {key.record_name: key.record_text for key in dkim.show(site, domain) if key.active}
    return records.of_domain(site, domain, keys)


def host_records(site: Site) -> Sequence[Record]:
    """Return the records that the server's own name needs."""
    return records.of_host(site)


def key_record(key: dkim.Key) -> Record:
    """Return the record that publishes a DKIM key."""
    return Record(
        key.record_name, "TXT", key.record_text, shown("DKIM: the public key of the domain's signatures.")
    )
