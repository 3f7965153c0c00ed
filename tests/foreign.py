"""Somebody else's LDAP server: its own schema, names, root and certificate; nothing of it is ours.

A small slapd in a folder of its own. Accounts are ``postPerson`` entries named by ``uid``; domains
are ``domain`` entries named by ``dc``. Whoever logs in by a bind is in the tree.
"""

from __future__ import annotations

import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from keryx.core.process import run
from keryx.tls import authority
from tests.ldap import Ldap
from tests.running import free_port, wait_for

ROOT = "o=corp"
PEOPLE = f"ou=people,{ROOT}"
READER = f"cn=postman,ou=services,{ROOT}"
READER_PASSWORD = 'Postman\'s $ecret "quoted" #1 50%'
OWNER = f"cn=owner,{ROOT}"

CONFIG = """\
dn: cn=config
objectClass: olcGlobal
cn: config
olcPidFile: {folder}/slapd.pid
olcTLSCertificateFile: {folder}/tls/cert.pem
olcTLSCertificateKeyFile: {folder}/tls/key.pem
{strict}
dn: cn=module,cn=config
objectClass: olcModuleList
cn: module
olcModulePath: /usr/lib/ldap
olcModuleLoad: back_mdb

dn: cn=schema,cn=config
objectClass: olcSchemaConfig
cn: schema

include: file:///etc/ldap/schema/core.ldif

include: file:///etc/ldap/schema/cosine.ldif

include: file:///etc/ldap/schema/inetorgperson.ldif

dn: cn=post,cn=schema,cn=config
objectClass: olcSchemaConfig
cn: post
olcAttributeTypes: ( 1.1.1 NAME 'postAddress' EQUALITY caseIgnoreIA5Match
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )
olcAttributeTypes: ( 1.1.2 NAME 'postAlternate' EQUALITY caseIgnoreIA5Match
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )
olcAttributeTypes: ( 1.1.3 NAME 'postForward' EQUALITY caseIgnoreIA5Match
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )
olcAttributeTypes: ( 1.1.4 NAME 'postEnabled' EQUALITY booleanMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 )
olcAttributeTypes: ( 1.1.5 NAME 'postMute' EQUALITY booleanMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 )
olcAttributeTypes: ( 1.1.6 NAME 'postAnySender' EQUALITY booleanMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 )
olcAttributeTypes: ( 1.1.7 NAME 'postLimit' EQUALITY integerMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 )
olcObjectClasses: ( 1.1.8 NAME 'postPerson' SUP inetOrgPerson STRUCTURAL
  MUST ( postAddress $ postEnabled )
  MAY ( postAlternate $ postMute $ postAnySender $ postLimit ) )
olcObjectClasses: ( 1.1.9 NAME 'postGroup' STRUCTURAL MUST ( cn $ postAddress $ postForward ) )

dn: olcDatabase={{-1}}frontend,cn=config
objectClass: olcDatabaseConfig
objectClass: olcFrontendConfig
olcDatabase: {{-1}}frontend

dn: olcDatabase={{1}}mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: {{1}}mdb
olcSuffix: {ROOT}
olcRootDN: {OWNER}
olcRootPW: {owner}
olcDbDirectory: {folder}/db
olcDbIndex: objectClass,postAddress,postAlternate eq
olcAccess: {{0}}to attrs=userPassword by anonymous auth by * none
olcAccess: {{1}}to * by dn.exact="{READER}" read by * none
"""

TREE = f"""\
dn: {ROOT}
objectClass: organization
o: corp

dn: ou=services,{ROOT}
objectClass: organizationalUnit
ou: services

dn: {READER}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: postman
userPassword: {READER_PASSWORD}

dn: ou=hosted,{ROOT}
objectClass: organizationalUnit
ou: hosted

dn: dc=example.org,ou=hosted,{ROOT}
objectClass: domain
dc: example.org

dn: {PEOPLE}
objectClass: organizationalUnit
ou: people

dn: ou=groups,{ROOT}
objectClass: organizationalUnit
ou: groups
"""

SETTINGS = f"""\
directory:
  embedded: false
  uri: {{uri}}
  starttls: {{starttls}}
  ca: {{ca}}
  root_dn: {ROOT}
  domain_base: ou=hosted
  user_base: ou=people
  alias_base: ou=groups
  bind_dn: {READER}
  bind_password_file: {{password}}
  domain_attribute: dc
  domain_object_class: domain
  account_object_class: postPerson
  alias_object_class: postGroup
  attributes:
    mail: postAddress
    alias: postAlternate
    active: postEnabled
    quota: postLimit
    send_only: postMute
    super_user: postAnySender
    target: postForward
  filters: {{{{account: "(!(employeeType=robot))"}}}}
  timeout: 2
"""
"""The section that makes a suite use it; it is never given the right to write."""


@dataclass
class Foreign:
    """The server: a folder, two ports, a process."""

    folder: Path
    plain: int
    secure: int
    _process: subprocess.Popen[bytes] | None = None

    @classmethod
    def create(cls, folder: Path) -> Foreign:
        """Make it and start it."""
        folder.mkdir()
        (folder / "db").mkdir()
        (folder / "config").mkdir()
        # libldap takes localhost for the machine's own name when it looks at a certificate.
        authority.ensure(folder / "tls", sorted({"localhost", socket.gethostname(), socket.getfqdn()}))
        made = cls(folder, free_port(), free_port())
        (folder / "owner").write_text("owner of the tree")
        (folder / "reader").write_text(READER_PASSWORD + "\n")
        strict = "olcSecurity: simple_bind=128\n"
        config = CONFIG.format(
            folder=folder, strict=strict, ROOT=ROOT, OWNER=OWNER, READER=READER, owner="owner of the tree"
        )
        run(["slapadd", "-n0", "-F", folder / "config"], input=config)
        run(["slapadd", "-n1", "-F", folder / "config"], input=TREE)
        made.start()
        return made

    @property
    def owner(self) -> Ldap:
        """Who writes the tree."""
        return Ldap(
            f"ldaps://localhost:{self.secure}", OWNER, self.folder / "owner", self.folder / "tls/ca.pem"
        )

    def settings(self, how: str = "ldaps", ca: Path | None = None) -> str:
        """Return the section ``directory`` for a suite; ``how`` is ``ldaps`` or ``starttls``."""
        uri = f"ldaps://localhost:{self.secure}" if how == "ldaps" else f"ldap://localhost:{self.plain}"
        return SETTINGS.format(
            uri=uri,
            starttls="true" if how == "starttls" else "false",
            ca=ca or self.folder / "tls/ca.pem",
            password=self.folder / "reader",
        )

    def start(self) -> None:
        """Start the server."""
        uris = f"ldap://127.0.0.1:{self.plain} ldaps://127.0.0.1:{self.secure}"
        with (self.folder / "log").open("ab") as log:
            words = ["/usr/sbin/slapd", "-d", "0", "-F", str(self.folder / "config"), "-h", uris]
            self._process = subprocess.Popen(words, stderr=log)
        wait_for(self._answers, "the foreign slapd answers")

    def stop(self) -> None:
        """Stop the server."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def person(self, address: str, password: str, *aliases: str, **attributes: str) -> None:
        """Add an account."""
        uid = address.partition("@")[0]
        lines = [
            f"dn: uid={uid},{PEOPLE}",
            "objectClass: postPerson",
            f"uid: {uid}",
            f"cn: {uid}",
            f"sn: {uid}",
            f"postAddress: {address}",
            f"userPassword: {password}",
            *(f"postAlternate: {alias}" for alias in aliases),
            *(f"{name}: {value}" for name, value in {"postEnabled": "TRUE", **attributes}.items()),
        ]
        self.owner.add("\n".join(lines) + "\n")

    def group(self, address: str, *targets: str) -> None:
        """Add a list."""
        lines = [f"dn: cn={address},ou=groups,{ROOT}", "objectClass: postGroup", f"cn: {address}"]
        lines += [f"postAddress: {address}", *(f"postForward: {target}" for target in targets)]
        self.owner.add("\n".join(lines) + "\n")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text()
        return self.owner.tool("ldapwhoami", check=False).returncode == 0
