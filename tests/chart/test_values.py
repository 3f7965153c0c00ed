"""The values: every one described, every one known to the schema, and the generated files up to date."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import yaml

from keryx.cli import chart
from keryx.components import registry
from tests.chart import helm
from tests.running import CHECKOUT

VALUES = yaml.safe_load((helm.CHART / "values.yaml").read_text())
SCHEMA = json.loads((helm.CHART / "values.schema.json").read_text())
NATIVE = ("issuerRef", "privateKey", "dnsConfig", "resources", "nodePorts")
"""What is below them is of others' making."""
SHAPE = set(VALUES["defaults"])


def test_every_value_says_what_it_is() -> None:
    text = (helm.CHART / "values.yaml").read_text()
    described = {value.path for value in chart.values(text)}
    missing = set(keys(VALUES)) - described
    # What every pod may have is described once; a key of "defaults" in a pod's section is its own default.
    missing = {path for path in missing if not _in_a_pod(path)}
    # Where one section is written as another, the first has the words.
    written = {path for path in missing if path.split(".")[:2] in (["web", "ingress"], ["web", "httpRoute"])}
    written |= {
        path for path in missing if path.startswith(("secrets.", "authorities.")) or "autoscaling" in path
    }
    assert missing - written == set()


def _in_a_pod(path: str) -> bool:
    first, _, rest = path.partition(".")
    return first != "defaults" and first in SCHEMA["properties"] and rest.split(".")[0] in SHAPE


def keys(values: Any, prefix: str = "") -> Iterator[str]:
    """Yield the paths of all keys that are not a person's own names."""
    for key, value in values.items():
        path = f"{prefix}{key}"
        yield path
        if isinstance(value, dict) and key not in NATIVE and not path.startswith("defaults.probes."):
            yield from keys(value, f"{path}.")


def test_the_schema_knows_every_value() -> None:
    assert set(VALUES) == set(SCHEMA["properties"]) - {"global"}
    helm.rendered(yaml.safe_dump({**VALUES, "settings": {"domain": "example.org"}}))


def test_every_part_of_the_schema_is_strict() -> None:
    free = {"strings", "numbers", "objects"}
    for name, part in SCHEMA["$defs"].items():
        if part.get("type") == "object" and name not in free:
            assert part.get("additionalProperties") is False, name


def test_every_section_of_the_settings_is_in_the_schema() -> None:
    assert set(SCHEMA["properties"]["settings"]["properties"]) == set(registry.settings_model().model_fields)
    assert SCHEMA["properties"]["settings"]["required"] == ["domain"]


def test_the_generated_files_are_up_to_date() -> None:
    assert (helm.CHART / "values.schema.json").read_text() == chart.schema(
        helm.CHART, registry.settings_model()
    )
    page = (CHECKOUT / "docs/reference/values.md").read_text()
    assert page == chart.page(helm.CHART).rstrip() + "\n"


def test_the_page_tells_keys_defaults_and_words() -> None:
    text = (
        "# -- First,\n# on two lines.\na:\n  # -- Second.\n  b: &name word # no\n  c: 1\n# -- Third.\nd: {}\n"
    )
    assert [(v.path, v.default, v.description) for v in chart.values(text)] == [
        ("a", "", "First, on two lines."),
        ("a.b", "word # no", "Second."),
        ("d", "", "Third."),
    ]


def test_the_chart_holds_no_script_and_no_daemon_s_configuration() -> None:
    for path in (helm.CHART / "templates").rglob("*"):
        if path.is_file():
            text = path.read_text()
            for word in ("/bin/sh", "bash", "sh -c", "main.cf", "dovecot.conf", "smtpd_"):
                assert word not in text, f"{path.name}: {word}"
