#!/bin/sh
# Managed by Keryx: change keryx.yaml instead, then run `keryx up`.
# Dovecot runs this when a mailbox passes one of dovecot.quota_warnings: PERCENT ADDRESS.
percent=$1
address=$2
exec /usr/lib/dovecot/dovecot-lda -c /srv/keryx/etc/dovecot/dovecot.conf -d "$address" -f "" <<MESSAGE
From: "mail.example.org" <postmaster@example.org>
To: <$address>
Subject: Your mailbox is $percent % full
Date: $(LC_ALL=C date '+%a, %d %b %Y %H:%M:%S %z')
Message-ID: <quota-$percent.$$.$(date +%s)@mail.example.org>
Auto-Submitted: auto-generated
Importance: high
MIME-Version: 1.0
Content-Type: text/plain; charset=us-ascii

Your mailbox $address is $percent % full. When it is full, new mail
is refused and its senders are told so. Please delete messages that you no
longer need, and empty the folder Trash.
MESSAGE
