{{/*
What the pods are made of: data only, read by all other templates.

The Python code knows the same (Component.capabilities, Component.alone_as, images/identities.py, the
ports in settings/ports.py); tests/chart compares, so that the two cannot drift apart.

  kind        the workload
  containers  components, in the order of their probe ports; the one with the pod's name works for all,
              the others help it
  user        the pod is this user alone, without any capability (Pod Security level "restricted");
              without it the containers start as root, with the capabilities of "keryx.capabilities"
  group       the group of the volumes (fsGroup)
  secrets     files in /var/lib/keryx/secrets
  volume      what is kept, with its default size
  certificate whether it shows the public certificate; "authority": it only knows who vouches for it
  grace       seconds for an end in good order
  replicated  whether several may run beside each other
  public      ports for the world; names of settings.ports
  inner       ports for other pods: number, which container opens it, who may come; the ports at which containers tell
              how they are come on top, for the administration
*/}}
{{- define "keryx.table" -}}
openldap:
  kind: StatefulSet
  containers: [openldap]
  user: 609
  group: 609
  secrets: [ldap-reader, ldap-admin]
  volume: 2Gi
  inner:
    ldaps: {number: 10636, from: [dovecot, postfix, rspamd, sogo, roundcube, admin, operator, init, test]}
postgresql:
  kind: StatefulSet
  containers: [postgresql]
  user: 611
  group: 611
  secrets: [postgresql-admin]
  volume: 5Gi
  inner:
    postgresql: {number: 5432, from: [rspamd, sogo, roundcube, admin, operator, init, test]}
redis:
  kind: StatefulSet
  containers: [redis]
  user: 613
  group: 613
  secrets: [redis]
  volume: 2Gi
  inner:
    redis: {number: 6379, from: [rspamd]}
memcached:
  kind: Deployment
  containers: [memcached]
  user: 608
  group: 608
  secrets: []
  inner:
    memcached: {number: 11211, from: [sogo, admin]}
clamav:
  kind: StatefulSet
  containers: [freshclam, clamav]
  secrets: []
  volume: 2Gi
  replicated: true
  inner:
    clamav: {number: 3310, from: [rspamd]}
rspamd:
  kind: StatefulSet
  containers: [rspamd, unbound, dovecot, privileged, nginx]
  secrets: [redis, rspamd-controller, ldap-reader, postgresql-keryx, webmail-token.crt]
  volume: 1Gi
  replicated: true
  inner:
    scan: {number: 11333, from: [postfix]}
    controller: {number: 11334, from: [dovecot, admin, test]}
    door-pages: {number: 10085, container: nginx, from: [nginx]}
dovecot:
  kind: StatefulSet
  containers: [dovecot, privileged, nginx]
  group: 603
  secrets: [ldap-reader, rspamd-controller, webmail-token.crt]
  volume: 20Gi
  certificate: true
  grace: 90
  public: [imap, imaps, pop3, pop3s, sieve]
  inner:
    lmtp: {number: 10024, from: [postfix]}
    quota-status: {number: 12340, from: [postfix]}
    inner-imap: {number: 11143, from: [sogo, roundcube, admin, test]}
    inner-imaps: {number: 11993, from: [sogo, roundcube, admin, test]}
    inner-sieve: {number: 15190, from: [sogo, roundcube, admin, test]}
    door-store: {number: 10098, container: nginx, from: [admin, test]}
postfix:
  kind: StatefulSet
  containers: [postfix, postsrsd, unbound, rspamd, dovecot, privileged, nginx]
  group: 610
  secrets: [ldap-reader, srs, webmail-token.crt]
  volume: 5Gi
  certificate: true
  grace: 90
  replicated: true
  public: [smtp, submission, submissions]
  inner:
    inner-smtp: {number: 10125, from: [dovecot, admin, test]}
    inner-submit: {number: 11587, from: [sogo, roundcube, admin, test]}
    door-queue: {number: 10099, container: nginx, from: [admin, test]}
sogo:
  kind: Deployment
  containers: [sogo, dav, activesync, nginx]
  secrets: [ldap-reader, postgresql-sogo, sogo-encryption]
  replicated: true
  inner:
    door-sogo: {number: 10081, container: nginx, from: [nginx]}
    door-dav: {number: 10082, container: nginx, from: [nginx]}
    door-activesync: {number: 10083, container: nginx, from: [nginx]}
roundcube:
  kind: Deployment
  containers: [roundcube, nginx]
  certificate: authority
  secrets: [ldap-reader, postgresql-roundcube, roundcube-key]
  replicated: true
  inner:
    door-roundcube: {number: 10084, container: nginx, from: [nginx]}
admin:
  kind: Deployment
  containers: [admin, nginx]
  group: 600
  secrets: [ldap-reader, ldap-admin, postgresql-keryx, postgresql-roundcube, rspamd-controller, webmail-token.key]
  replicated: true
  inner:
    door-admin: {number: 10080, container: nginx, from: [nginx]}
nginx:
  kind: Deployment
  containers: [nginx]
  user: 601
  group: 601
  secrets: [rspamd-controller]
  certificate: true
  replicated: true
  public: [http, https]
  inner:
    # What roundcube changes passwords by.
    inner-https: {number: 11443, from: [roundcube, admin, test]}
operator:
  kind: Deployment
  containers: [operator]
  user: 600
  group: 600
  secrets: [ldap-reader, ldap-admin, postgresql-keryx]
{{- end }}

{{/* The pods in the order in which they are written down. */}}
{{- define "keryx.order" -}}
[openldap, postgresql, redis, memcached, clamav, rspamd, dovecot, postfix, sogo, roundcube, admin, nginx, operator]
{{- end }}

{{/* The only capabilities of a container that starts as root; docs/explanation/images.md has the reasons. */}}
{{- define "keryx.capabilities" -}}
all: [CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID]
unbound: [NET_BIND_SERVICE]
dovecot: [NET_BIND_SERVICE, SYS_CHROOT]
postsrsd: [SYS_CHROOT]
postfix: [NET_BIND_SERVICE, SYS_CHROOT]
nginx: [NET_BIND_SERVICE]
{{- end }}

{{/* The ports for the world: the protocol's own number, its pod and what speaks there (appProtocol). */}}
{{- define "keryx.standard" -}}
smtp: 25
submission: 587
submissions: 465
imap: 143
imaps: 993
pop3: 110
pop3s: 995
sieve: 4190
http: 80
https: 443
{{- end }}

{{/* Mail ports that speak TLS from the first byte. */}}
{{- define "keryx.tlsPorts" -}}
[submissions, imaps, pop3s]
{{- end }}

{{/* Every secret by its file: the key in values (secrets.KEY), and the pod whose section may name a Secret for it. */}}
{{- define "keryx.secretNames" -}}
ldap-reader: {key: ldapReader, owner: openldap}
ldap-admin: {key: ldapAdmin, owner: openldap}
postgresql-admin: {key: postgresqlAdmin, owner: postgresql}
postgresql-keryx: {key: postgresqlKeryx, owner: postgresql}
postgresql-sogo: {key: postgresqlSogo, owner: postgresql}
postgresql-roundcube: {key: postgresqlRoundcube, owner: postgresql}
redis: {key: redis, owner: redis}
rspamd-controller: {key: rspamdController, owner: rspamd}
srs: {key: srs, owner: postfix}
administrator: {key: administrator, owner: admin}
webmail-token.key: {key: webmailToken, owner: admin}
webmail-token.crt: {key: webmailTokenCertificate, owner: admin}
sogo-encryption: {key: sogoEncryption, owner: sogo}
roundcube-key: {key: roundcubeKey, owner: roundcube}
{{- end }}
