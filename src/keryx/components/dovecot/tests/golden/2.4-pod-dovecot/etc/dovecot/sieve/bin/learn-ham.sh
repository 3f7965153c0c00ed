#!/bin/sh
# Managed by Keryx: change keryx.yaml instead, then run `keryx up`.
# The message is on standard input. Five seconds at most: the user's mail program is waiting.
# A filter that is down teaches nothing, and moving the message works all the same.
/usr/bin/rspamc -t 5 -h mail-rspamd:11334 learn_ham >/dev/null 2>&1
exit 0
