"""The duties, one a module: a pure ``reconcile``, and a class that observes and carries out."""
