"""The benchmarks run from end to end and leave complete tables. Nothing is said about speed here."""

import json
import math
import os
import sys
from typing import Any

import pytest

from bench import images
from keryx.core.process import run
from tests.running import CHECKOUT


def bench(*words: str) -> Any:
    """Run a benchmark as bench/run does, with this test's own interpreter."""
    env = {"PYTHONPATH": os.pathsep.join([str(CHECKOUT / "src"), str(CHECKOUT)])}
    done = run([sys.executable, "-m", "bench", *words, "--json"], env=env, timeout=900)
    answer = json.loads(done.stdout)
    assert answer["bench"] == words[0]
    assert answer["machine"]["processors"] >= 1
    assert answer["machine"]["versions"]["postfix"]
    return answer["results"]


def test_delivery_compares_every_configuration_and_loses_nothing() -> None:
    results = bench("delivery", "--quick", "--messages", "12", "--sessions", "1", "4")
    measured = {(row["configuration"], row["sessions"]): row for row in results}
    names = ("floor", "suite-unfiltered", "suite", "tachydromos", "python-maps")
    assert set(measured) == {(name, sessions) for name in names for sessions in (1, 4)}
    for row in results:
        assert row["lost"] == 0
        assert row["messages_per_second"] > 0
        assert {"postfix", "dovecot"} <= set(row["cpu_ms_per_message"])
    assert all(row["ratio_to_floor"] == 1 for row in results if row["configuration"] == "floor")
    assert "rspamd" in measured["suite", 4]["cpu_ms_per_message"]


def test_login_measures_both_doors_and_the_directory() -> None:
    results = bench("login", "--quick")
    assert len(results) == 6
    assert "directory searches" in results
    assert all(found["per_second"] > 0 for found in results.values())


def test_footprint_knows_every_component() -> None:
    results = bench("footprint", "--quick")
    for moment in ("memory_after_start", "memory_after_load"):
        assert {"openldap", "unbound", "redis", "rspamd", "dovecot", "postfix"} <= set(results[moment])
        assert all(size > 0 for size in results[moment].values())
    assert results["first_up_seconds"] > results["second_up_seconds"] > 0


def test_provision_imports_and_looks_up() -> None:
    results = bench("provision", "--quick")
    assert len(results["import_accounts_per_second"]) == 3
    assert all(rate > 0 for rate in results["import_accounts_per_second"].values())
    for ratio in results["ratio_large_to_small"].values():
        assert math.isfinite(ratio)
        assert ratio > 0


def test_images_counts_shared_layers_once() -> None:
    layers = {"a": [("base", 100), ("x", 7)], "b": [("base", 100), ("y", 5)]}
    assert images.sizes(layers) == {"a": (107, 7), "b": (105, 5)}
    assert images.totals(layers) == (100, 112)


def test_images_tells_what_the_filter_found() -> None:
    line = "rspamd_task_write_log: (F (no action): [-0.70/15.00] [R_SPF_ALLOW(-0.20){+ip4;},ARC_NA(0.00){}])"
    assert images.symbols(f"{line}\nsomething else") == {"R_SPF_ALLOW", "ARC_NA"}
    assert images.symbols("") == frozenset()


@pytest.mark.parametrize("words", [("sprint",), ("delivery", "--messages", "many")])
def test_a_wrong_word_is_refused(words: tuple[str, ...]) -> None:
    env = {"PYTHONPATH": os.pathsep.join([str(CHECKOUT / "src"), str(CHECKOUT)])}
    done = run([sys.executable, "-m", "bench", *words], env=env, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("usage:")
