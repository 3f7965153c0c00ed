"""Being the web process, or somebody else without rights: Python run as another system user."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from keryx.components import python
from tests.running import Suite

PRELUDE = """\
import dataclasses, json, sys
from pathlib import Path
from keryx.core import errors
from keryx.web import served
site = served.site(Path({settings!r}))
def tell(value):
    print(json.dumps(value, default=lambda one: dataclasses.asdict(one)
                     if dataclasses.is_dataclass(one) else str(one)))
"""


def as_web(suite: Suite, code: str) -> Any:
    """Run code as the web process would, ``site`` being the site; return what it last told.

    ``tell(value)`` in the code hands a value back.
    """
    settings = str(suite.site.paths.etc("admin") / "settings.json")
    # The process itself may run from a copy, where the checkout is closed to its user.
    process = python.command(suite.site, "keryx.web", user="keryx")
    places = process.env.get("PYTHONPATH", "")
    said = python_as("keryx", PRELUDE.format(settings=settings) + code, process.argv[0], places)
    return json.loads(said.splitlines()[-1]) if said.strip() else None


def python_as(
    user: str, code: str, interpreter: str = sys.executable, places: str = "", *, groups: str = ""
) -> str:
    """Run code as a system user, with its own groups or with those named; return what it printed."""
    who = ["--init-groups"] if not groups else ["--groups", groups]
    done = subprocess.run(
        ["setpriv", "--reuid", user, "--regid", user, *who, interpreter, "-P", "-c", code],
        cwd="/",
        env={**os.environ, "PYTHONPATH": places or str(python.PACKAGE.parent)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
