"""Certificates: the suite's own authority, good for a first start."""
