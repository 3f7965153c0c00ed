"""Rspamd's files, whole, and what its settings refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from keryx.components import testing
from keryx.components.rspamd import component
from keryx.components.rspamd.component import Rspamd
from keryx.components.rspamd.view import View
from keryx.core import errors

GOLDEN = Path(__file__).parent / "golden"
CASES = {
    "defaults": "domain: example.org\n",
    "everything": """\
domain: example.org
hostname: mx.example.net
log_level: debug
port_offset: 500
relay_networks: [192.0.2.0/24, 2001:db8::/32]
message_size_limit_mb: 25
clamav: {enabled: true}
rspamd:
  thresholds: {greylist: 3.5, add_header: 5, reject: 12}
  greylisting: false
  rate_limit: {per_hour: 100, per_day: 0, exempt: [News@example.org]}
  dkim_selectors: {rsa: s1, ed25519: s2}
  min_learns: 200
  extra: |
    group "ours" { max_score = 5.0; }
  autolearn: false
""",
    "no-rate-limit": "domain: example.org\nrspamd: {rate_limit: {per_hour: 0, per_day: 0}}\n",
}


@pytest.mark.parametrize("case", CASES)
def test_files(case: str) -> None:
    testing.check_golden(Rspamd(), testing.site(CASES[case]), GOLDEN / case)


@pytest.mark.parametrize("pod", ["rspamd", "postfix"])
def test_in_a_pod_it_scans_or_hands_on(pod: str) -> None:
    testing.check_golden(Rspamd(), testing.site(pod=pod), GOLDEN / f"pod-{pod}")


def test_nothing_outside_the_home_is_written() -> None:
    site = testing.site()
    assert all(file.path.is_relative_to(site.paths.home) for file in Rspamd().render(site))


def test_the_daemon_is_pointed_to_the_home() -> None:
    argv = Rspamd().command(testing.site()).argv
    assert argv[:8] == (
        "/usr/bin/rspamd", "-f", "-u", "_rspamd", "-g", "_rspamd", "-c", "/etc/rspamd/rspamd.conf",
    )  # fmt: skip
    assert "--var=LOCAL_CONFDIR=/srv/keryx/etc/rspamd" in argv


def test_a_changed_socket_needs_a_restart() -> None:
    site = testing.site()
    assert not Rspamd().reload(site, [Path("/srv/keryx/etc/rspamd/override.d/worker-proxy.inc")])


def test_the_filter_takes_larger_messages_than_the_mta() -> None:
    assert View(testing.site("domain: example.org\nmessage_size_limit_mb: 10\n")).max_message == 11


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ("thresholds: {reject: 5}", r"reject 5 are out of order"),
        ("dkim_selectors: {rsa: keryx-ed}", 'rsa and ed25519 are both "keryx-ed"'),
        ("dkim_selectors: {rsa: a.b}", '"a.b" is not a selector'),
        ("rate_limit: {per_hour: -1}", r"rspamd\.rate_limit\.per_hour: -1 does not fit"),
        ("rate_limit: {exempt: [news]}", '"news" is not an address'),
        ("task_timeout: 600", r"rspamd\.task_timeout: 600 does not fit"),
    ],
)
def test_bad_settings_are_named(section: str, sentence: str) -> None:
    with pytest.raises(errors.BadSettings, match=sentence):
        testing.site(f"domain: example.org\nrspamd:\n  {section}\n")


@pytest.mark.parametrize(
    ("content", "processors"),
    [("max 100000\n", 64), ("150000 100000\n", 1), ("400000 100000\n", 4), ("20000 100000\n", 1), (None, 64)],
)
def test_a_container_scans_with_the_processors_that_it_may_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, processors: int
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    monkeypatch.setattr(component, "QUOTA", tmp_path / "cpu.max")
    if content is not None:
        component.QUOTA.write_text(content)
    assert component._processors() == processors
