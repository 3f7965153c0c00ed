"""Secrets and certificates: made once, kept, given by others; between releases by the real helm."""

from __future__ import annotations

import base64
import datetime
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from keryx.core.process import Completed
from keryx.tls import authority
from tests.chart import helm
from tests.chart.helm import Manifest
from tests.kubernetes_api import ApiServer, Body

WORD = re.compile(r"[A-Za-z0-9]{24}")
MINIMAL = "settings: {domain: example.org}"


@dataclass
class Release:
    """What a person does with the chart, and what is in the cluster then."""

    api: ApiServer
    folder: Path

    def helm(self, *words: str | Path) -> Completed:
        env = {"KUBECONFIG": str(self.folder / "kubeconfig")}
        return helm.helm(*words, "--namespace", helm.NAMESPACE, env=env)

    def upgrade(self, text: str = MINIMAL) -> Completed:
        values = self.folder / "values.yaml"
        values.write_text(text)
        words = ("--values", values, "--disable-openapi-validation")
        return self.helm("upgrade", "--install", helm.RELEASE, helm.CHART, *words)

    def uninstall(self) -> None:
        self.helm("uninstall", helm.RELEASE)

    def get(self, kind: str, name: str) -> Body:
        found = self.api.get(kind, helm.NAMESPACE, name)
        assert found is not None, f"there is no {kind} {name}"
        return found

    def secret(self, name: str) -> dict[str, str]:
        return dict(self.get("Secret", f"mail-keryx-{name}")["data"])

    def certificates(self) -> dict[str, dict[str, str]]:
        names = (name for name in self.api.names("Secret") if name.endswith("-tls"))
        return {name: dict(self.get("Secret", name)["data"]) for name in names}


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    """A cluster with nothing in it."""
    api = ApiServer(anybody=True)
    api.start()
    api.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": helm.NAMESPACE}})
    (tmp_path / "kubeconfig").write_text(api.kubeconfig(helm.NAMESPACE))
    try:
        yield Release(api, tmp_path)
    finally:
        api.close()


def decoded(data: Mapping[str, str], name: str) -> bytes:
    return base64.b64decode(data[name])


def test_an_upgrade_keeps_every_secret_and_certificate(release: Release) -> None:
    release.upgrade()
    before = release.secret("secrets"), release.secret("authority"), release.certificates()
    told = release.upgrade(
        "settings: {domain: example.org, message_size_limit_mb: 20}\npostfix: {replicas: 2}"
    )
    assert (release.secret("secrets"), release.secret("authority"), release.certificates()) == before
    assert release.get("StatefulSet", "mail-keryx-postfix")["spec"]["replicas"] == 2
    assert "mail-keryx-secrets" in told.stdout, "it says where the first password is"


def test_a_changed_name_gives_new_certificates_of_the_kept_authority(release: Release) -> None:
    release.upgrade()
    before, ca = release.certificates(), release.secret("authority")
    release.upgrade("settings: {domain: example.org, hostname: mx.example.org}")
    assert release.secret("authority") == ca
    after = release.certificates()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {f"mail-keryx-{pod}-tls" for pod in ("postfix", "dovecot", "nginx")}
    for data in after.values():
        assert data["ca.pem"] == ca["ca.pem"]
    shown = x509.load_pem_x509_certificate(decoded(after["mail-keryx-postfix-tls"], "cert.pem"))
    assert "mx.example.org" in authority.names_of(shown)


def test_what_is_switched_on_later_gets_what_it_needs_beside_what_is_there(release: Release) -> None:
    release.upgrade("settings: {domain: example.org, webmail: none}")
    before = release.secret("secrets")
    release.upgrade()
    assert before.items() <= release.secret("secrets").items()
    assert "mail-keryx-sogo-tls" in release.certificates()


def test_secrets_and_volumes_outlive_the_release_and_are_found_again(release: Release) -> None:
    release.upgrade()
    before = release.secret("secrets"), release.certificates()
    release.uninstall()
    assert (release.secret("secrets"), release.certificates()) == before
    assert not release.api.names("StatefulSet")
    release.upgrade()
    assert (release.secret("secrets"), release.certificates()) == before


def test_an_upgrade_makes_what_must_be_made_once_anew(release: Release) -> None:
    release.upgrade()
    assert release.api.names("Job") == {"mail-keryx-init-1"}
    release.upgrade()
    assert release.api.names("Job") == {"mail-keryx-init-2"}


def test_an_upgrade_leaves_the_claims_and_selectors_as_they_are(release: Release) -> None:
    """The API refuses other changes of a StatefulSet than these."""
    release.upgrade()
    names = release.api.names("StatefulSet")
    before = {name: release.get("StatefulSet", name)["spec"] for name in names}
    release.upgrade(
        "settings: {domain: example.org, clamav: {enabled: true}}\n"
        "commonLabels: {team: mail}\ndefaults: {image: {tag: '2'}, podLabels: {a: b}}\n"
    )
    for name in names:
        after = release.get("StatefulSet", name)["spec"]
        for key in ("selector", "serviceName", "volumeClaimTemplates", "podManagementPolicy"):
            assert after[key] == before[name][key], f"{name}: {key}"


def made(text: str = MINIMAL) -> Mapping[str, Manifest]:
    return helm.of_kind(helm.rendered(text), "Secret")


def test_passwords_are_24_letters_and_digits_and_all_different() -> None:
    data = made()["secrets"]["data"]
    words = [decoded(data, name).decode() for name in data if not name.startswith("webmail-token")]
    assert all(WORD.fullmatch(word) for word in words)
    assert len(set(words)) == len(words)
    key = load_pem_private_key(decoded(data, "webmail-token.key"), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.curve.name == "secp256r1"
    certificate = x509.load_pem_x509_certificate(decoded(data, "webmail-token.crt"))
    assert certificate.public_key() == key.public_key()


def test_the_certificates_are_what_the_code_expects(tmp_path: Path) -> None:
    secrets = made("settings: {domain: example.org, web: {webmail_host: webmail.example.org}}")
    ca = x509.load_pem_x509_certificate(decoded(secrets["authority"]["data"], "ca.pem"))
    for pod in helm.workloads(helm.rendered(MINIMAL)):
        data = secrets[f"{pod}-tls"]["data"]
        for name in ("cert.pem", "key.pem"):
            (tmp_path / name).write_bytes(decoded(data, name))
        authority.check_pair(tmp_path / "cert.pem", tmp_path / "key.pem")
        certificate = x509.load_pem_x509_certificate(decoded(data, "cert.pem"))
        certificate.verify_directly_issued_by(ca)
        assert certificate.subject.rfc4514_string() == f"CN={pod}", "by it doors know their guests"
        left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
        assert left > datetime.timedelta(days=3600)
        names = set(authority.names_of(certificate))
        host = f"mail-keryx-{pod}.post.svc"
        assert {f"mail-keryx-{pod}", f"mail-keryx-{pod}.post", host, f"{host}.cluster.local"} <= names
        public = {"mail.example.org", "webmail.example.org", "autoconfig.example.org", "mta-sts.example.org"}
        assert public <= names or pod not in ("postfix", "dovecot", "nginx")
    dovecot = x509.load_pem_x509_certificate(decoded(secrets["dovecot-tls"]["data"], "cert.pem"))
    assert "*.mail-keryx-dovecot.post.svc.cluster.local" in authority.names_of(dovecot)


def files(found: Mapping[str, Manifest], pod: str) -> dict[str, tuple[str, str]]:
    """Return a pod's files of secrets: of which Secret, under which key."""
    (volume,) = (one for one in helm.pod_spec(found[pod])["volumes"] if one["name"] == "secrets")
    return {
        item["path"]: (source["secret"]["name"], item["key"])
        for source in volume.get("projected", {}).get("sources", ())
        for item in source["secret"]["items"]
    }


@pytest.mark.parametrize("name", helm.NAMES)
def test_every_secret_that_a_pod_reads_is_made_or_given(name: str) -> None:
    """A missing key would keep the pod from starting."""
    found = helm.example(name)
    secrets = {part["metadata"]["name"]: set(part["data"]) for part in found if part["kind"] == "Secret"}
    for pod in helm.workloads(found):
        for secret, key in files(helm.workloads(found), pod).values():
            if secret.startswith(("mail-keryx", "mail-post", "courier-secrets")):
                assert key in secrets[secret], f"{pod}: {key}"


def test_secrets_may_come_from_elsewhere() -> None:
    text = """\
settings: {domain: example.org}
openldap: {existingSecret: directory}
secrets:
  existingSecret: all
  redis: {existingSecret: cache, key: password}
  srs: {key: SRS_SECRET}
"""
    found = helm.workloads(helm.rendered(text))
    postfix, rspamd = files(found, "postfix"), files(found, "rspamd")
    assert postfix["ldap-reader"] == ("directory", "ldap-reader")
    assert postfix["srs"] == ("all", "SRS_SECRET")
    assert rspamd["redis"] == ("cache", "password")
    assert rspamd["rspamd-controller"] == ("all", "rspamd-controller")
    assert files(found, "openldap")["ldap-admin"] == ("directory", "ldap-admin")
    assert "secrets" not in made(text), "nothing is left to be made"


def test_without_a_cluster_nothing_is_made_anew_where_all_is_given() -> None:
    """The way of GitOps: two renders are the same."""
    words = ("--values", helm.CHART / "examples/gitops.yaml")
    assert helm.template(*words).stdout == helm.template(*words).stdout
    given = "settings: {domain: example.org}\nsecrets: {existingSecret: all}\ninnerTls: {create: false}"
    assert helm.template(text=given).stdout == helm.template(text=given).stdout
    assert helm.template(text=MINIMAL).stdout != helm.template(text=MINIMAL).stdout


def test_the_secrets_can_be_made_by_themselves() -> None:
    """As the documentation says it."""
    shown = helm.template("--show-only", "templates/secrets.yaml", text=MINIMAL).stdout
    (secret,) = helm.manifests(shown)
    assert secret["metadata"]["name"] == "mail-keryx-secrets"
    shown = helm.template("--show-only", "templates/inner-tls.yaml", text=MINIMAL).stdout
    assert {part["kind"] for part in helm.manifests(shown)} == {"Secret"}


def test_cert_manager_s_inner_certificates_have_their_files_under_the_same_names() -> None:
    found = helm.example("gitops")
    (volume,) = (v for v in helm.pod_spec(helm.workloads(found)["redis"])["volumes"] if v["name"] == "tls")
    items = {item["key"]: item["path"] for item in volume["secret"]["items"]}
    assert items == {"tls.crt": "cert.pem", "tls.key": "key.pem", "ca.crt": "ca.pem"}
    certificates = helm.of_kind(found, "Certificate")
    assert certificates["redis-tls"]["spec"]["secretName"] == volume["secret"]["secretName"]
    assert certificates["redis-tls"]["spec"]["commonName"] == "redis"


def test_external_servers_passwords_and_authorities_are_where_the_settings_name_them() -> None:
    found = helm.workloads(helm.example("external-ldap"))
    assert "openldap" not in found
    assert files(found, "dovecot")["ldap-reader"] == ("ldap", "readerPassword")
    assert "ldap-admin" not in files(found, "admin"), "the directory is only read"
    (volume,) = (v for v in helm.pod_spec(found["dovecot"])["volumes"] if v["name"] == "authorities")
    (source,) = volume["projected"]["sources"]
    assert source["configMap"]["items"] == [{"key": "root.crt", "path": "directory.pem"}]
    found = helm.workloads(helm.example("external-postgresql"))
    assert "postgresql" not in found
    (job,) = helm.of_kind(helm.example("external-postgresql"), "Job").items()
    assert files(dict([job]), job[0])["postgresql-admin"] == ("keryx-db-superuser", "password")


def test_further_secrets_are_mounted_in_the_pods_that_ask() -> None:
    found = helm.workloads(helm.example("relayhost"))
    assert files(found, "postfix")["relayhost"] == ("smarthost", "password")
    assert "relayhost" not in files(found, "dovecot")


def test_no_administrator_s_password_is_asked_for_where_there_is_none() -> None:
    text = """\
settings:
  domain: example.org
  directory:
    embedded: false
    uri: ldaps://ldap
    root_dn: dc=a
    bind_password_file: /var/lib/keryx/secrets/ldap-reader
  database: {embedded: false, host: db}
secrets: {existingSecret: all}
"""
    found = helm.workloads(helm.rendered(text))
    assert "ldap-admin" not in files(found, "admin")
    (job,) = helm.of_kind(helm.rendered(text), "Job").items()
    assert not {"ldap-admin", "postgresql-admin"} & set(files(dict([job]), job[0]))
