#!/bin/sh
# Managed by Keryx: change keryx.yaml instead, then run `keryx up`.
# Dovecot runs this when an account's INBOX is made: ADDRESS.
#
# Maildir counts changes (CONDSTORE, RFC 7162) from the first time on that a client asks for it.
# ActiveSync never asks and sees no mail in folders that do not count; so they do from the beginning.
export PATH=/usr/bin:/bin
for folder in INBOX Drafts Sent Junk Trash Archive; do
    /usr/bin/doveadm -c /srv/keryx/etc/dovecot/dovecot.conf mailbox update -u "$1" --min-highest-modseq 10 "$folder"
done
# The list index learns what is in a folder when somebody asks; until then each question about the
# quota would open all of them.
/usr/bin/doveadm -c /srv/keryx/etc/dovecot/dovecot.conf mailbox status -u "$1" "messages vsize" "*" >/dev/null
