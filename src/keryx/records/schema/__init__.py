"""Alembic's folder: how migrations are run (``env.py``) and the migrations (``versions``)."""
