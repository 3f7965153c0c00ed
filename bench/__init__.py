"""Measured comparisons that anyone can run: speed as a ratio to a baseline of the same run.

``bench/run delivery|login|footprint|provision|web|images [--quick] [--json]``, as root. Each benchmark
makes its own suites in throw-away homes and removes them; a suite of the machine is not touched.
``images`` plays a release of the chart with podman as the tests do it (``containers``), beside a suite on
the machine and one in a root of Debian 13 (``trixie``).

A configuration under test is a ``Variant``: the suite itself (``suite``), or one made from the
templates here (``stock``: the floor and the peers). ``delivery`` loads them in turn (``load``),
counts in the store and accounts for each daemon's processor time (``accounting``). Results and what
they mean: docs/explanation/performance.md.
"""
