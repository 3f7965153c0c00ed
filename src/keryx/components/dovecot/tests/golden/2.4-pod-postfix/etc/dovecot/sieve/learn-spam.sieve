# Managed by Keryx: change keryx.yaml instead, then run `keryx up`.
# Runs when a message arrives in Junk by COPY, MOVE or APPEND (RFC 6785).
require ["vnd.dovecot.pipe", "copy", "imapsieve"];
pipe :copy "learn-spam.sh";
