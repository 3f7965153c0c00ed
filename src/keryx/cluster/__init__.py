"""The operator: what a release in Kubernetes needs that a chart cannot do.

``keryx run operator`` runs one process beside the release. Each of its *duties* compares what is
wanted (``operator.yaml``, which the chart writes) with what is there, and makes the difference:

* ``handlers.record``: the A and AAAA records of the mail host follow the nodes on which ready mail
  pods run, by a DNSEndpoint that external-dns carries out;
* ``handlers.certificate``: a certificate's Secret of another namespace has a copy in the release's;
* ``handlers.applications``: each application of the chart's list has a send-only account, and a
  Secret with its SMTP parameters in the application's own namespace.

Each duty has a pure ``reconcile(wanted, observed)`` and is done again whenever something changed
and every so often without a reason, so it does not matter which event was missed. ``main`` wires,
``duty`` says when a duty is done, ``api`` is the only importer of kr8s.

Databases are not its business: ``keryx init`` makes them, on an external server too, as a Job.

Manuals: https://docs.kopf.dev, https://docs.kr8s.org, https://kubernetes-sigs.github.io/external-dns.
Both come with the extra ``cluster``; a machine does without.
"""
