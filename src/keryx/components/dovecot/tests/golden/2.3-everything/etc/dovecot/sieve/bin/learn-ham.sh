#!/bin/sh
# Managed by Keryx: change keryx.yaml instead, then run `keryx up`.
# The message is on standard input. Five seconds at most: the user's mail program is waiting.
# A filter that is down teaches nothing, and moving the message works all the same.
# https://rspamd.com/doc/architecture/protocol.html#controller-http-endpoints
/usr/bin/curl --silent --max-time 5 --output /dev/null --header Expect: --data-binary @- \
    --unix-socket /srv/keryx/run/rspamd/controller.sock http://localhost/learnham
exit 0
