"""Whom SOGo's workers believe: a name in a header is enough for those of browsers only."""

import pytest

from keryx.components.activesync.component import Activesync
from keryx.components.component import Component
from keryx.components.dav.component import Dav
from keryx.components.sogo.component import Sogo
from keryx.components.testing import site


@pytest.mark.parametrize(("component", "trusting"), [(Sogo(), "YES"), (Dav(), "NO"), (Activesync(), "NO")])
def test_only_the_workers_for_browsers_believe_a_name(component: Component, trusting: str) -> None:
    (text,) = (file.content for file in component.render(site()) if file.path.name == "sogod.plist")
    assert f"SOGoTrustProxyAuthentication = {trusting};" in text
