# ruff: noqa: E501  # values and sentences are read better in one line
"""What the chart refuses: misspelt keys by their names, what cannot work with one sentence."""

from __future__ import annotations

import pytest

from tests.chart import helm

MISSPELT = {
    "settings.domian": ("settings: {domian: example.org}", "domian"),
    "settings.postfix.relayhst": ("settings: {domain: example.org, postfix: {relayhst: a}}", "relayhst"),
    "settings.ports.imapz": ("settings: {domain: example.org, ports: {imapz: 1}}", "imapz"),
    "postfix.replcas": ("settings: {domain: example.org}\npostfix: {replcas: 2}", "replcas"),
    "postfx": ("settings: {domain: example.org}\npostfx: {replicas: 2}", "postfx"),
    "dovecot.persistence.storageclass": (
        "settings: {domain: example.org}\ndovecot: {persistence: {storageclass: fast}}",
        "storageclass",
    ),
    "openldap.autoscaling": ("settings: {domain: example.org}\nopenldap: {autoscaling: {}}", "autoscaling"),
    "helpers.unbond": ("settings: {domain: example.org}\npostfix: {helpers: {unbond: {}}}", "unbond"),
    "web.ingress.webmial": ("settings: {domain: example.org}\nweb: {ingress: {webmial: {}}}", "webmial"),
    "tlsRoute.ports.smtp": ("settings: {domain: example.org}\ntlsRoute: {ports: {smtp: []}}", "smtp"),
    "secrets.ldapreader": ("settings: {domain: example.org}\nsecrets: {ldapreader: {}}", "ldapreader"),
}
WRONG = {
    "no domain": ("", "missing property 'domain'"),
    "a word for a number": ("settings: {domain: example.org, message_size_limit_mb: many}", "message_size_limit_mb"),
    "a word for a port": ("settings: {domain: example.org, ports: {smtp: smtp}}", "/settings/ports/smtp"),
    "no such service": ("settings: {domain: example.org}\npostfix: {service: {type: Nodeport}}", "/postfix/service/type"),
    "no such webmail": ("settings: {domain: example.org, webmail: squirrel}", "/settings/webmail"),
    "a folder without its place": ("settings: {domain: example.org}\ndovecot: {persistence: {hostPath: mail}}", "/dovecot/persistence/hostPath"),
    "the whole node": ("settings: {domain: example.org}\ndovecot: {persistence: {hostPath: /}}", "/dovecot/persistence/hostPath"),
    "half a digest": ("settings: {domain: example.org}\nnginx: {image: {digest: 'sha256:12'}}", "/nginx/image/digest"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISSPELT)
def test_a_misspelt_key_is_named(case: str) -> None:
    text, name = MISSPELT[case]
    said = helm.refusal(text)
    assert "additional properties" in said
    assert f"'{name}'" in said


@pytest.mark.parametrize("case", WRONG)
def test_a_value_that_does_not_fit_is_named_by_its_place(case: str) -> None:
    text, place = WRONG[case]
    assert place in helm.refusal(text)


@pytest.mark.parametrize(
    "ports",
    ["{pop3: false, smtp: 2525}", "{imaps: {number: 1993}}", "{sieve: {enabled: false}}", "{smtp: true}"],
)
def test_the_short_forms_of_the_settings_are_taken(ports: str) -> None:
    helm.rendered(f"settings: {{domain: example.org, ports: {ports}}}")


DOMAIN = "domain: example.org"
UNSAFE = {
    "two directories": (
        f"settings: {{{DOMAIN}}}\nopenldap: {{replicas: 2}}",
        "openldap.replicas is 2; two must never write the same data: leave it at 1.",
    ),
    "two databases": (
        f"settings: {{{DOMAIN}}}\npostgresql: {{replicas: 3}}",
        "postgresql.replicas is 3; two must never write the same data: leave it at 1.",
    ),
    "two memories of the filter": (
        f"settings: {{{DOMAIN}}}\nredis: {{replicas: 2}}",
        "redis.replicas is 2; two must never write the same data: leave it at 1.",
    ),
    "two caches": (
        f"settings: {{{DOMAIN}}}\nmemcached: {{replicas: 2}}",
        "memcached.replicas is 2; there can be one only: leave it at 1.",
    ),
    "two Dovecots at one volume": (
        f"settings: {{{DOMAIN}}}\ndovecot: {{replicas: 2}}",
        "dovecot.replicas is 2; two must never write the same data: leave it at 1.",
    ),
    "files of a machine": (
        f"settings: {{{DOMAIN}, tls: {{certificate: /etc/ssl/a.pem, key: /etc/ssl/a.key}}}}",
        "settings.tls names files of one machine; pods have theirs from Secrets: leave it out and set certificate.",
    ),
    "strangers with a node's address who may relay": (
        f"settings: {{{DOMAIN}, relay_networks: [10.42.0.0/16]}}",
        "settings.relay_networks with postfix.service.type NodePort would let strangers relay, who can come with a "
        "node's address: set postfix.service.externalTrafficPolicy to Local, or leave relay_networks out and give "
        "programs a login by applications.",
    ),
    "strangers with the Gateway's address who may relay": (
        f"settings: {{{DOMAIN}, relay_networks: [10.42.0.0/16]}}\n"
        "postfix: {service: {type: ClusterIP}}\ntcpRoute: {enabled: true, parentRefs: [{name: edge}]}",
        "settings.relay_networks with tcpRoute would let strangers relay, who come with the Gateway's address: "
        "leave relay_networks out and give programs a login by applications.",
    ),
    "the directory at a port of the node": (
        f"settings: {{{DOMAIN}}}\nopenldap: {{service: {{hostPorts: {{ldaps: 636}}}}}}",
        "openldap.service.hostPorts would open to the world what is for the other pods; leave it out.",
    ),
    "backups without data": (
        f"settings: {{{DOMAIN}}}\nbackup: {{velero: {{schedule: {{enabled: true}}}}}}",
        "backup.velero.schedule.enabled is true and backup.velero.enabled is false: its backups would hold no data; "
        "set both to true.",
    ),
    "a webmail without mailboxes": (
        f"settings: {{{DOMAIN}, mailboxes: false, postmaster: a@elsewhere.example}}",
        "settings.webmail is both, but settings.mailboxes: false keeps no mail to show; set settings.webmail to none.",
    ),
    "nobody for the postmaster's mail": (
        f"settings: {{{DOMAIN}, mailboxes: false, webmail: none}}",
        "settings.postmaster is missing: with settings.mailboxes: false it has to be an address elsewhere.",
    ),
    "a policy that nothing keeps": (
        f"settings: {{{DOMAIN}, web: {{mta_sts: {{mode: enforce}}}}}}",
        "settings.web.mta_sts.mode: enforce needs a certificate that the world trusts, or other servers would no longer "
        "deliver; set certificate.certManager, certificate.existingSecret or certificate.copyFrom.",
    ),
    "several stores": (
        f"settings: {{{DOMAIN}}}\ndovecot: {{stores: 3}}",
        "dovecot.stores is 3; more or fewer than 1 need the proxy tier, which comes with a later release.",
    ),
    "two queues on one claim": (
        f"settings: {{{DOMAIN}}}\npostfix: {{replicas: 2, persistence: {{existingClaim: queue}}}}",
        "postfix.persistence.existingClaim is one volume for several pods; two must never write it: "
        "leave postfix.replicas at 1, or the claim out.",
    ),
    "a claim and an autoscaler": (
        f"settings: {{{DOMAIN}}}\n"
        "rspamd: {autoscaling: {enabled: true}, persistence: {existingClaim: filter}}",
        "rspamd.persistence.existingClaim is one volume for several pods; two must never write it: "
        "leave rspamd.replicas at 1, or the claim out.",
    ),
    "one claim for all": (
        f"settings: {{{DOMAIN}}}\ndefaults: {{persistence: {{existingClaim: mail}}}}",
        "defaults.persistence.existingClaim is one volume for all pods; two must never write it: "
        "name it in the section of its pod.",
    ),
    "one ServiceAccount that all make": (
        f"settings: {{{DOMAIN}}}\ndefaults: {{serviceAccount: {{name: mail}}}}",
        "defaults.serviceAccount.name is one account, which every pod would make: set "
        "defaults.serviceAccount.create to false and make it yourself, or name the accounts in the sections of "
        "their pods.",
    ),
    "two queues in one folder": (
        f"settings: {{{DOMAIN}}}\ndefaults: {{persistence: {{hostPath: /srv/mail}}}}\npostfix: {{replicas: 2}}",
        "postfix.persistence.hostPath is one folder for several pods; two must never write it: "
        "leave postfix.replicas at 1, or the folder out.",
    ),
    "a folder and an autoscaler": (
        f"settings: {{{DOMAIN}}}\nrspamd: {{autoscaling: {{enabled: true}}, persistence: {{hostPath: /srv/mail}}}}",
        "rspamd.persistence.hostPath is one folder for several pods; two must never write it: "
        "leave rspamd.replicas at 1, or the folder out.",
    ),
    "a folder and a claim": (
        f"settings: {{{DOMAIN}}}\ndovecot: {{persistence: {{hostPath: /srv/mail, existingClaim: mail}}}}",
        "dovecot.persistence.existingClaim is for claims, and dovecot.persistence.hostPath is set: "
        "leave one out (an empty hostPath undoes that of defaults).",
    ),
    "a class of storage for a folder": (
        f"settings: {{{DOMAIN}}}\n"
        "defaults: {persistence: {hostPath: /srv/mail}}\ndovecot: {persistence: {storageClass: fast}}",
        "dovecot.persistence.storageClass is for claims, and dovecot.persistence.hostPath is set: "
        "leave one out (an empty hostPath undoes that of defaults).",
    ),
    "folders and a class for all": (
        f"settings: {{{DOMAIN}}}\ndefaults: {{persistence: {{hostPath: /srv/mail, storageClass: fast}}}}",
        "defaults.persistence.storageClass is for claims, and defaults.persistence.hostPath is set: "
        "leave one out (an empty hostPath undoes that of defaults).",
    ),
    "a folder that Velero does not see": (
        f"settings: {{{DOMAIN}}}\n"
        "dovecot: {persistence: {hostPath: /srv/mail}}\nbackup: {velero: {enabled: true}}",
        "dovecot.persistence.hostPath is a folder of the node, which Velero does not copy: "
        "use a claim, or save the folder yourself and set backup.velero.enabled to false.",
    ),
    "fewest and most exchanged": (
        f"settings: {{{DOMAIN}}}\nsogo: {{autoscaling: {{enabled: true, minReplicas: 9, maxReplicas: 2}}}}",
        "sogo.autoscaling.minReplicas is more than maxReplicas: exchange them.",
    ),
    "the directory at a NodePort": (
        f"settings: {{{DOMAIN}}}\nopenldap: {{service: {{type: NodePort}}}}",
        "openldap.service.type NodePort opens to the world what is for the other pods; "
        "use ClusterIP, or set openldap.service.allowOutside to true.",
    ),
    "the database at a load balancer": (
        f"settings: {{{DOMAIN}}}\npostgresql: {{service: {{type: LoadBalancer}}}}",
        "postgresql.service.type LoadBalancer opens to the world what is for the other pods; "
        "use ClusterIP, or set postgresql.service.allowOutside to true.",
    ),
    "all Services at load balancers": (
        f"settings: {{{DOMAIN}}}\ndefaults: {{service: {{type: LoadBalancer}}}}",
        "opens to the world what is for the other pods",
    ),
    "a port that is none": (
        f"settings: {{{DOMAIN}}}\npostfix: {{service: {{nodePorts: {{imaps: 30993}}}}}}",
        "postfix.service.nodePorts.imaps is no port of it; it has smtp, submission, submissions.",
    ),
    "PROXY without whom to trust": (
        f"settings: {{{DOMAIN}, ports: {{smtp: {{proxy_protocol: true}}}}}}",
        "settings.ports.smtp.proxy_protocol needs settings.trusted_proxies, the networks of the load balancer.",
    ),
    "a port offset": (
        f"settings: {{{DOMAIN}, port_offset: 1000}}",
        "settings.port_offset is for several suites on one machine; pods share no ports: leave it out.",
    ),
    "addresses of a machine": (
        f"settings: {{{DOMAIN}, bind: [192.0.2.1]}}",
        "settings.bind is for the addresses of one machine; pods listen at all of theirs: leave it out.",
    ),
    "no port for the gateway": (
        f"settings: {{{DOMAIN}, ports: {{http: false, https: false}}}}",
        "settings.ports.http and settings.ports.https are both off; the gateway needs one of them.",
    ),
    "no directory at all": (
        f"settings: {{{DOMAIN}, directory: {{embedded: false}}}}",
        "settings.directory.embedded is false; set settings.directory.uri to the directory that is used instead.",
    ),
    "no database at all": (
        f"settings: {{{DOMAIN}, database: {{embedded: false}}}}",
        "settings.database.embedded is false; set settings.database.host to the server that is used instead.",
    ),
    "an external directory without its password": (
        f"settings: {{{DOMAIN}, directory: {{embedded: false, uri: 'ldaps://ldap.example.org'}}}}",
        "secrets.ldapReader.existingSecret is missing: "
        "the Secret with the password of settings.directory.bind_dn at the external directory.",
    ),
    "an external directory's administrator without a password": (
        f"settings: {{{DOMAIN}, directory: {{embedded: false, uri: 'ldaps://ldap.example.org', "
        "admin_password_file: /var/lib/keryx/secrets/ldap-admin}}\n"
        "secrets: {ldapReader: {existingSecret: ldap}}",
        "secrets.ldapAdmin.existingSecret is missing: "
        "the Secret with the password of settings.directory.admin_dn at the external directory.",
    ),
    "an external database's administrator without a password": (
        f"settings: {{{DOMAIN}, database: {{embedded: false, host: db, admin_user: postgres}}}}",
        "secrets.postgresqlAdmin.existingSecret is missing: "
        "the Secret with the password of settings.database.admin_user at the external database.",
    ),
    "half a pair": (
        f"settings: {{{DOMAIN}}}\nsecrets: {{webmailToken: {{existingSecret: token, key: tls.key}}}}",
        "secrets.webmailToken and secrets.webmailTokenCertificate are key and certificate of one pair: give both, or neither.",
    ),
    "a secret of the chart's own name": (
        f"settings: {{{DOMAIN}}}\n"
        "secrets: {more: [{name: redis, existingSecret: a, key: b, pods: [postfix]}]}",
        "secrets.more: redis is a name that the chart itself uses; take another one.",
    ),
    "the webmail's route without a webmail": (
        f"settings: {{{DOMAIN}, webmail: none, trusted_proxies: [192.0.2.0/24]}}\n"
        "web: {ingress: {enabled: true, webmail: {enabled: true}}}",
        "web.ingress.webmail.enabled is true and settings.webmail is none: switch one of them.",
    ),
    "TLS that ends before the gateway, who is not trusted": (
        f"settings: {{{DOMAIN}}}\nweb: {{ingress: {{enabled: true}}}}",
        "web.ingress ends TLS before the gateway, which would send every request back to https: "
        "name the networks of the controller's pods in settings.trusted_proxies, or set web.backend to https.",
    ),
    "a backend that is off": (
        f"settings: {{{DOMAIN}, ports: {{http: false}}}}\nweb: {{httpRoute: {{enabled: true}}}}",
        "web.backend is http and settings.ports.http is off: switch one of them.",
    ),
    "a backend that wants a PROXY header": (
        f"settings: {{{DOMAIN}, trusted_proxies: [192.0.2.0/24], ports: {{http: {{proxy_protocol: true}}}}}}\n"
        "web: {ingress: {enabled: true}}",
        "settings.ports.http.proxy_protocol is on, and what stands before web.ingress sends no such header: "
        "switch it off.",
    ),
    "routes without a Gateway": (
        f"settings: {{{DOMAIN}, trusted_proxies: [192.0.2.0/24]}}\nweb: {{httpRoute: {{enabled: true}}}}",
        "web.httpRoute.parentRefs is missing: the Gateway that the routes belong to.",
    ),
    "mail's routes without a Gateway": (
        f"settings: {{{DOMAIN}}}\ntcpRoute: {{enabled: true, ports: {{smtp: [{{name: edge}}]}}}}",
        "tcpRoute.parentRefs is missing, and tcpRoute.ports has no Gateway for imap either.",
    ),
    "mail's routes by name without a Gateway": (
        f"settings: {{{DOMAIN}}}\ntlsRoute: {{enabled: true, ports: {{imaps: [{{name: edge}}]}}}}",
        "tlsRoute.parentRefs is missing, and tlsRoute.ports has no Gateway for pop3s either.",
    ),
    "a certificate of nobody": (
        f"settings: {{{DOMAIN}}}\ncertificate: {{certManager: {{enabled: true}}}}",
        "certificate.certManager.issuerRef.name is missing: the issuer that cert-manager asks.",
    ),
    "two certificates": (
        f"settings: {{{DOMAIN}}}\n"
        "certificate: {existingSecret: a, certManager: {enabled: true, issuerRef: {name: b}}}",
        "certificate.existingSecret and certificate.certManager are both set: choose one.",
    ),
    "inner certificates of nobody": (
        f"settings: {{{DOMAIN}}}\ninnerTls: {{certManager: {{enabled: true}}}}",
        "innerTls.certManager.issuerRef.name is missing: an issuer with an authority of its own.",
    ),
    "two authorities": (
        f"settings: {{{DOMAIN}}}\nauthorities: {{database: {{secret: a, configMap: b}}}}",
        "authorities.database has a Secret and a ConfigMap: choose one.",
    ),
}


@pytest.mark.parametrize("case", UNSAFE)
def test_what_cannot_work_ends_with_one_sentence(case: str) -> None:
    text, sentence = UNSAFE[case]
    said = helm.refusal(text)
    assert sentence in said
    assert said.count("Error:") == 1


def test_what_is_unsafe_can_be_asked_for_where_it_may() -> None:
    found = helm.rendered(
        f"settings: {{{DOMAIN}}}\nopenldap: {{service: {{type: NodePort, allowOutside: true}}}}"
    )
    services = helm.of_kind(found, "Service")
    assert services["openldap"]["spec"]["type"] == "ClusterIP"
    assert services["openldap-public"]["spec"]["type"] == "NodePort"
    assert [port["name"] for port in services["openldap-public"]["spec"]["ports"]] == ["ldaps"]
