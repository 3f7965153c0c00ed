"""The HTTP API below /api/v1: one module per noun, thin: parse, check the permission, call admin.

Requests and answers are JSON (RFC 8259). Errors are ``{"error": "one sentence", "remedy": "..."}``:
400 bad input, 401 not signed in, 403 not allowed, 404, 405, 409 exists already or a rule of the
suite forbids it as things stand, 413 body too large, 429 too many attempts, 503 the directory or
the database does not answer. Lists come in pages: ``{"items", "total", "page", "per_page"}``.

Who calls is known by the session cookie of the pages (``POST /session``; writes also need the
session's CSRF token in ``X-CSRF-Token``) or by an API key (``Authorization: Bearer``, RFC 6750).
PUT may be repeated: 201 when it made the thing, 200 when it was there. PATCH changes what is given.
DELETE answers 204, and 404 when there is nothing (any more). Handlers are plain functions, which
FastAPI runs in its thread pool, because the use cases wait for LDAP and PostgreSQL.

``application.create(site)`` gives the application; ``web/app.py`` mounts it at /api/v1.
"""
