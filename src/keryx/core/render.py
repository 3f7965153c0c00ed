"""Templates: Jinja2 that fails on an unknown name, never guesses."""

from __future__ import annotations

import functools

import jinja2

HEADER = "Managed by Keryx: change keryx.yaml instead, then run `keryx up`."


@functools.cache
def _environment(package: str) -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package, "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  (daemons' configuration, not HTML)
    )


def render(package: str, template: str, **names: object) -> str:
    """Render ``templates/<template>.j2`` of a component's package.

    The template also sees ``header``, the sentence that tells a reader where to make changes.
    """
    return _environment(package).get_template(f"{template}.j2").render(header=HEADER, **names)
