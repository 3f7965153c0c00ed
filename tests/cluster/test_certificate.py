"""A certificate's Secret is copied from another namespace and kept in step."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping

import pytest

from tests.chart.helm import NAMESPACE
from tests.cluster.operating import FULLNAME, Release, values
from tests.kubernetes_api import Body

SOURCE, TARGET, TLS = "wildcard", f"{FULLNAME}-certificate", "kubernetes.io/tls"
OLD = {"tls.crt": "the old one", "tls.key": "its key", "ca.crt": "who vouches"}
NEW = {"tls.crt": "the new one", "tls.key": "its new key"}


@pytest.fixture
def release(make_release: Callable[[Body], Release]) -> Release:
    made = make_release(values(certificate={"copyFrom": {"namespace": "web", "name": SOURCE}}))
    made.namespace("web")
    return made


def copied(release: Release) -> Mapping[str, str]:
    """Return what the copy holds."""
    found = release.api.get("Secret", NAMESPACE, TARGET) or {"data": {}}
    return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}


def is_copy(release: Release, wanted: Mapping[str, str]) -> None:
    """Wait until the copy holds just that."""
    release.until(lambda: copied(release) == wanted, f"the copy holds {wanted}")


def test_a_certificate_is_copied_and_follows_its_renewal(release: Release) -> None:
    release.secret("web", SOURCE, {**OLD, "other": "nobody's business"}, TLS)
    release.start()
    is_copy(release, OLD)
    # One that has no chain file any more has none in the copy either.
    release.secret("web", SOURCE, NEW, TLS)
    is_copy(release, NEW)
    assert release.lives()["certificate"] == f"the Secret {NAMESPACE}/{TARGET} is a copy of web/{SOURCE}"


def test_it_is_waited_for(release: Release) -> None:
    release.start()
    release.says(f"The Secret web/{SOURCE} is not there; there is nothing to copy yet.")
    release.secret("web", SOURCE, {"tls.crt": "", "tls.key": ""}, TLS)
    release.says("has no certificate in it")
    release.secret("web", SOURCE, NEW, TLS)
    is_copy(release, NEW)


def test_the_copy_stays_when_the_source_goes(release: Release) -> None:
    release.secret("web", SOURCE, OLD, TLS)
    release.start()
    is_copy(release, OLD)
    release.api.delete("Secret", "web", SOURCE)
    release.says(f"The Secret web/{SOURCE} is not there; its last copy stays in use.")
    assert copied(release) == OLD
    release.secret("web", SOURCE, NEW, TLS)
    is_copy(release, NEW)


def test_a_copy_that_was_edited_or_removed_is_made_again(release: Release) -> None:
    release.secret("web", SOURCE, OLD, TLS)
    release.start()
    is_copy(release, OLD)
    edited = release.api.get("Secret", NAMESPACE, TARGET)
    assert edited
    edited["data"]["tls.crt"] = base64.b64encode(b"something else").decode()
    release.api.put(edited)
    is_copy(release, OLD)
    release.api.delete("Secret", NAMESPACE, TARGET)
    is_copy(release, OLD)


def test_a_secret_of_somebody_else_is_left_alone(release: Release) -> None:
    release.secret("web", SOURCE, NEW, TLS)
    release.secret(NAMESPACE, TARGET, OLD, TLS)
    release.start()
    release.says(f"The Secret {NAMESPACE}/{TARGET} was not made by Keryx and was left as it is.")
    assert copied(release) == OLD


def test_a_right_that_is_missing_is_told_of(release: Release) -> None:
    release.secret("web", SOURCE, NEW, TLS)
    release.api.allowed = {rule for rule in release.api.allowed if rule.namespace != "web"}
    release.start()
    release.says(f"The operator may not read the Secret web/{SOURCE}")
    release.upgrade(release.values)
    is_copy(release, NEW)
