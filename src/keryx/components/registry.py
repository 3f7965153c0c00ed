"""The components, in start order, with the reason beside each constraint."""

from collections.abc import Sequence

from keryx.components.activesync.component import Activesync
from keryx.components.admin.component import Admin
from keryx.components.clamav.component import Clamav
from keryx.components.component import Component
from keryx.components.dav.component import Dav
from keryx.components.dovecot.component import Dovecot
from keryx.components.freshclam.component import Freshclam
from keryx.components.memcached.component import Memcached
from keryx.components.nginx.component import Nginx
from keryx.components.openldap.component import Openldap
from keryx.components.postfix.component import Postfix
from keryx.components.postgresql.component import Postgresql
from keryx.components.postsrsd.component import Postsrsd
from keryx.components.privileged.component import Privileged
from keryx.components.redis.component import Redis
from keryx.components.roundcube.component import Roundcube
from keryx.components.rspamd.component import Rspamd
from keryx.components.sogo.component import Sogo
from keryx.components.unbound.component import Unbound
from keryx.core import errors
from keryx.settings.model import SiteSettings
from keryx.settings.section import Section
from keryx.settings.site import Site

COMPONENTS: tuple[Component, ...] = (
    Openldap(),  # first: every other daemon looks accounts up in it
    Postgresql(),  # before whatever keeps records in it: administration, webmail
    Unbound(),  # before the filter and the MTA, which cannot judge a sender without names
    Redis(),  # before the filter, which asks it about every message
    Freshclam(),  # before the scanner, which waits for its database
    Clamav(),  # before the filter, which defers mail while the scanner it asks is down
    Rspamd(),  # before the MTA, which defers mail while the filter is down
    Dovecot(),  # before the MTA, which asks it for logins and quotas and delivers to it
    Postsrsd(),  # before the MTA, which defers forwarded mail while it is down
    Postfix(),  # it opens the doors for mail when all that it needs behind them is there
    Memcached(),  # before SOGo, whose workers share a cache in it
    Sogo(),  # after the mail it shows; it makes the tables that the next two use as well
    Dav(),  # after SOGo, of which it is a part
    Activesync(),  # after SOGo, of which it is a part
    Roundcube(),  # after what it is a mail program of
    Privileged(),  # before the web process, which has done here what needs root
    Admin(),  # after all that its pages are about: nothing of the mail's way waits for it
    Nginx(),  # last: the door of the web side, when what stands behind it is there
)


def find(name: str) -> Component:
    """Return the component of that name; raises NotFound listing those that exist."""
    for component in COMPONENTS:
        if component.name == name:
            return component
    raise errors.NotFound(
        f'There is no component "{name}".',
        remedy=f"The components are {', '.join(c.name for c in COMPONENTS)}.",
    )


def enabled(site: Site) -> Sequence[Component]:
    """Return the components that the settings ask for, in start order."""
    return [component for component in COMPONENTS if component.enabled(site)]


def sections() -> Sequence[type[Section]]:
    """Return the components' sections of the settings, in start order."""
    return [component.section for component in COMPONENTS if component.section is not None]


def settings_model() -> type[SiteSettings]:
    """Return the whole settings model."""
    from keryx.settings import load

    return load.model(sections())
