"""The door to root: runs a few checked functions for the web process, which has no rights itself.

Made files: ``settings.json``, the settings as applied. Socket: ``run/privileged/door.sock`` (0660,
root:keryx); callers are told by their user as the kernel knows it (SO_PEERCRED, unix(7)). It
listens on no network port. The code is ``keryx.host.privileged``; what can be called is the
literal list there. Without it mail flows, and people read their mail; the administration says that
what needs root waits. The command line needs no door.
"""
