"""The section ``rspamd`` of keryx.yaml."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

import pydantic

from keryx.settings.names import MailAddress
from keryx.settings.section import Section


def selector_name(text: str) -> str:
    """Return a DKIM selector as it is; raises ValueError."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", text):
        raise ValueError(f'"{text}" is not a selector; use up to 63 lower-case letters, digits and hyphens')
    return text


Selector = Annotated[str, pydantic.AfterValidator(selector_name)]


class Thresholds(Section):
    """Scores at which the filter acts on mail from outside."""

    greylist: float = pydantic.Field(default=4, gt=0, le=1000)
    """From this score on, an unknown sender is asked to try again in five minutes."""
    add_header: float = pydantic.Field(default=6, gt=0, le=1000)
    """From this score on, the message carries ``X-Spam: Yes`` and is filed to Junk."""
    reject: float = pydantic.Field(default=15, gt=0, le=1000)
    """From this score on, the message is refused while the sender is still there to be told (554)."""

    @pydantic.model_validator(mode="after")
    def _in_order(self) -> Thresholds:
        if not self.greylist <= self.add_header <= self.reject:
            raise ValueError(
                f"greylist {self.greylist:g}, add_header {self.add_header:g} and reject {self.reject:g} "
                "are out of order; each must be at least the one before"
            )
        return self


class RateLimit(Section):
    """How many recipients one account may send to; what a stolen password can do in a night."""

    per_hour: int = pydantic.Field(default=500, ge=0)
    """Recipients in an hour; 0 is unlimited. A burst of this size passes at once."""
    per_day: int = pydantic.Field(default=3000, ge=0)
    """Recipients in a day; 0 is unlimited."""
    exempt: tuple[MailAddress, ...] = ()
    """Logins without a limit, for example that of a newsletter program."""


class DkimSelectors(Section):
    """Names under which the public keys stand in DNS: ``<selector>._domainkey.<domain>``.

    A changed name means a new key and a new DNS record for every domain.
    """

    rsa: Selector = "keryx-rsa"
    """Selector of the RSA-2048 key, which every receiver can verify (RFC 6376)."""
    ed25519: Selector = "keryx-ed"
    """Selector of the Ed25519 key (RFC 8463)."""

    @pydantic.model_validator(mode="after")
    def _differ(self) -> DkimSelectors:
        if self.rsa == self.ed25519:
            raise ValueError(f'rsa and ed25519 are both "{self.rsa}"; two keys need two selectors')
        return self


class RspamdSettings(Section):
    """The spam filter."""

    section_name: ClassVar[str] = "rspamd"

    thresholds: Thresholds = Thresholds()
    """Scores at which the filter acts."""
    greylisting: bool = True
    """Whether suspicious mail of unknown senders is deferred once. Never applies to logins, to the
    machine itself and to ``relay_networks``."""
    rate_limit: RateLimit = RateLimit()
    """Outbound limit of each account; beyond it the message is deferred (451)."""
    dkim_selectors: DkimSelectors = DkimSelectors()
    """Names of the DKIM keys in DNS."""
    min_learns: int = pydantic.Field(default=50, ge=1)
    """Messages of both kinds, spam and ham, that must have been learnt before the statistics
    (Bayes) take part in the score."""
    autolearn: bool = True
    """Whether the filter also learns from mail whose score leaves no doubt."""
    workers: int | None = pydantic.Field(default=None, ge=1, le=256)
    """Scanning processes; empty for one per processor that the machine, or the container, may use,
    at most 8."""
    task_timeout: int = pydantic.Field(default=20, ge=5, le=120)
    """Seconds a scan may take; a message that takes longer is deferred (451), not let through."""
    extra: str = ""
    """Lines appended to rspamd.conf.local as they are, such as a section ``multimap`` of yours. Lines that
    Rspamd cannot read change nothing; a section or a key that it does not know it leaves unread."""
