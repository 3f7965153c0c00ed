"""The single machine: packages, users, certificate, supervisor, ports, boot."""
