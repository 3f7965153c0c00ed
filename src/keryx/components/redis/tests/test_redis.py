"""Redis' files, whole, on a machine and in a pod of its own."""

from pathlib import Path

from keryx.components import testing
from keryx.components.redis.component import Redis

GOLDEN = Path(__file__).parent / "golden"


def test_files() -> None:
    testing.check_golden(Redis(), testing.site(), GOLDEN / "machine")


def test_files_for_other_pods() -> None:
    testing.check_golden(Redis(), testing.site(pod="redis"), GOLDEN / "pod")


def test_the_memory_limit_is_settable() -> None:
    (file,) = Redis().render(testing.site("domain: example.org\nredis: {max_memory_mb: 512}\n"))
    assert "\nmaxmemory 512mb\n" in file.content
