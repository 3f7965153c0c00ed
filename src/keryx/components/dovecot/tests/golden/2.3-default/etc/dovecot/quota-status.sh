#!/bin/sh
# Managed by Keryx: change keryx.yaml instead, then run `keryx up`.
# The quota at RCPT. Dovecot 2.3's quota-status asks for the whole configuration again for every
# recipient (it reads it first as service "quota-status", then as none, so the cache never fits):
# more work than the answer itself. With -O it reads none, and -o says the little it needs, as
# dovecot.conf has it. The user is found by address or alias; unknown ones are Postfix's matter.
exec /usr/lib/dovecot/quota-status -p postfix -O \
  -o base_dir=/srv/keryx/run/dovecot \
  -o first_valid_uid=1 \
  -o first_valid_gid=1 \
  -o mail_home=/srv/keryx/data/dovecot/mail/%Ld/%Ln \
  -o mail_location=maildir:~/Maildir:LAYOUT=fs:INDEX=~/index \
  -o maildir_very_dirty_syncs=yes \
  -o mailbox_list_index=yes \
  -o mailbox_list_index_very_dirty_syncs=no \
  -o recipient_delimiter=+ \
  -o mail_plugins=quota \
  -o "plugin/quota=count:User quota" \
  -o plugin/quota_vsizes=yes \
  -o plugin/quota_grace=0 \
  -o plugin/quota_max_mail_size=50M \
  -o plugin/quota_status_success=DUNNO \
  -o plugin/quota_status_nouser=DUNNO \
  -o "plugin/quota_status_overquota=552 5.2.2 Mailbox is full"
