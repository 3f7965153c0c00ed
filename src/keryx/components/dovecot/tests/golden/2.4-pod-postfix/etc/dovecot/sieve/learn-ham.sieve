# Managed by Keryx: change keryx.yaml instead, then run `keryx up`.
# Runs when a message leaves Junk by COPY or MOVE. Throwing spam away says nothing about it.
require ["vnd.dovecot.pipe", "copy", "imapsieve", "environment", "variables"];
if environment :matches "imap.mailbox" ["Trash", "Trash/*", "Junk", "Junk/*"] {
  stop;
}
pipe :copy "learn-ham.sh";
