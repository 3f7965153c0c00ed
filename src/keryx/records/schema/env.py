"""What Alembic runs for each upgrade: the migrations, in the transaction that ``migrations.py`` began."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
