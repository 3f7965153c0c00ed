"""What memcached is started with."""

from keryx.components import testing
from keryx.components.memcached.component import Memcached


def test_command() -> None:
    command = Memcached().command(testing.site("domain: example.org\nmemcached: {max_memory_mb: 128}\n"))
    assert command.argv == (
        "/usr/bin/memcached",
        "--unix-socket=/srv/keryx/run/memcached/memcached.sock",
        "--unix-mask=770",
        "--memory-limit=128",
        "--conn-limit=4096",
        "--threads=2",
    )
    assert command.user == "memcache"


def test_only_sogo_may_reach_it() -> None:
    (folder,) = Memcached().directories(testing.site())
    assert (folder.mode, folder.owner, folder.group) == (0o2750, "memcache", "sogo")


def test_it_runs_only_for_sogo() -> None:
    for webmail, wanted in (("sogo", True), ("both", True), ("roundcube", False), ("none", False)):
        assert Memcached().enabled(testing.site(f"domain: example.org\nwebmail: {webmail}\n")) is wanted
