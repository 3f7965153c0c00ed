"""What Keryx itself must remember: roles, audit log, keys, sessions, statistics. PostgreSQL."""
