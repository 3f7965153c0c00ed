"""Keryx: a mail suite for an organisation's own domains.

The control plane around Postfix, Dovecot, Rspamd and OpenLDAP: settings, rendered
configuration, supervision, the directory of accounts and the command line.
No part of this package stands in the path of a message.
"""

__version__ = "0.1.0"
