"""The MTA-STS policy: other servers shall deliver over TLS with a certificate that they can verify.

It is the same for every domain, since all have the same MX. RFC 8461.
"""

from __future__ import annotations

import hashlib

from keryx.settings.site import Site


def policy(site: Site) -> str:
    """Return the policy's text, as ``https://mta-sts.<domain>/.well-known/mta-sts.txt`` serves it."""
    wanted = site.settings.web.mta_sts
    lines = ["version: STSv1", f"mode: {wanted.mode}"]
    if wanted.mode != "none":
        lines.append(f"mx: {site.settings.host}")
    lines.append(f"max_age: {wanted.max_age_days * 86400}")
    return "".join(f"{line}\r\n" for line in lines)


def identifier(site: Site) -> str:
    """Return the policy's name in DNS; another policy has another one (section 3.1)."""
    return hashlib.sha256(policy(site).encode()).hexdigest()[:20]
