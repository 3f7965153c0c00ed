"""``bench/run``: measured comparisons on this machine, as root."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from dataclasses import replace

from bench import delivery, footprint, images, login, machine, provision, web
from bench.daemons import BenchError
from keryx.core.errors import KeryxError


def main() -> int:
    """Parse, measure, print; the exit status is 0 when every figure could be taken."""
    wanted = _parser().parse_args()
    if os.geteuid() != 0:
        print("bench: run it as root; it starts mail servers.", file=sys.stderr)
        return 1
    # Ended by kill as by ^C: the daemons are stopped and the folders removed.
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    here = machine.describe()
    try:
        with machine.alone():
            text, data = wanted.function(wanted)
    except (BenchError, KeryxError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if wanted.json:
        print(json.dumps({"bench": wanted.bench, "machine": here.as_json(), "results": data}, indent=2))
    else:
        print("\n".join([*here.lines(), "", text]))
    return 0


def _end(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    benches = parser.add_subparsers(dest="bench", required=True)
    for name, function, sentence in (
        ("delivery", _delivery, "SMTP in to stored mailbox, against the floor and the peers"),
        ("login", _login, "IMAP logins and SMTP AUTH, against the directory's own rate"),
        ("footprint", _footprint, "memory of the idle suite, seconds until it is ready"),
        ("provision", _provision, "import of accounts, lookups in a large directory"),
        ("web", _web, "account search and writes through the API, SOGo behind the gateway"),
        ("images", _images, "a release in containers: sizes, start, memory, deliveries against a machine's"),
    ):
        bench = benches.add_parser(name, help=sentence, description=sentence)
        bench.set_defaults(function=function)
        bench.add_argument("--quick", action="store_true", help="small: under three minutes")
        bench.add_argument("--json", action="store_true", help="print JSON instead of a table")
        bench.add_argument("--port", type=int, default=14000, help="first of the ports to use")
        if name == "delivery":
            bench.add_argument("--rounds", type=int, help="rounds")
            bench.add_argument("--messages", type=int, help="messages of one load")
            bench.add_argument("--sessions", type=int, nargs="+", help="simultaneous SMTP sessions")
            bench.add_argument("--only", nargs="+", default=(), help="configurations beside the floor")
            bench.add_argument(
                "--causes", action="store_true", help="the peer's settings, one change at a time"
            )
    return parser


def _delivery(wanted: argparse.Namespace) -> tuple[str, object]:
    plan = replace(delivery.QUICK if wanted.quick else delivery.Plan(), port=wanted.port)
    given = {name: getattr(wanted, name) for name in ("rounds", "messages", "sessions")}
    plan = replace(plan, **{name: value for name, value in given.items() if value})
    chosen = delivery.causes if wanted.causes else delivery.variants
    tested, results = delivery.measure(chosen, plan, wanted.only)
    return delivery.report(tested, results, plan.sessions), delivery.as_json(tested, results)


def _login(wanted: argparse.Namespace) -> tuple[str, object]:
    plan = replace(login.QUICK if wanted.quick else login.Plan(), port=wanted.port)
    rates = login.measure(plan)
    return login.report(rates), login.as_json(rates)


def _footprint(wanted: argparse.Namespace) -> tuple[str, object]:
    plan = replace(footprint.QUICK if wanted.quick else footprint.Plan(), port=wanted.port)
    found = footprint.measure(plan)
    return footprint.report(found), footprint.as_json(found)


def _provision(wanted: argparse.Namespace) -> tuple[str, object]:
    plan = replace(provision.QUICK if wanted.quick else provision.Plan(), port=wanted.port)
    found = provision.measure(plan)
    return provision.report(found), provision.as_json(found)


def _web(wanted: argparse.Namespace) -> tuple[str, object]:
    plan = replace(web.QUICK if wanted.quick else web.Plan(), port=wanted.port)
    found = web.measure(plan)
    return web.report(found), web.as_json(found)


def _images(wanted: argparse.Namespace) -> tuple[str, object]:
    found = images.measure(images.plan_at(images.QUICK if wanted.quick else images.Plan(), wanted.port))
    return images.report(found), images.as_json(found)


if __name__ == "__main__":
    sys.exit(main())
