"""The web process: sign-in, administration, self-service, API, client set-up pages.

Made files: ``settings.json``, the settings as applied, and ``secrets/``, copies of the few passwords
it needs, readable by its user only. Socket: ``run/admin/http.sock`` (HTTP; group keryx-web, the
gateway's). It runs as the system user ``keryx`` without any right of root's; what needs root it asks
the component ``privileged`` for. The code is ``keryx.web``. Without it mail flows, webmail asks for
the password itself, and only administration and set-up pages are away.
Manual: https://www.uvicorn.org/settings/, https://fastapi.tiangolo.com/
"""
