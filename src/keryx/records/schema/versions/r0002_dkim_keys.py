"""DKIM keys, for releases whose filters stand in pods of their own."""

from alembic import op

revision = "0002"
down_revision = "0001"

TABLES = """
CREATE TABLE dkim_key (
    domain text NOT NULL,
    selector text NOT NULL,
    content text NOT NULL,
    PRIMARY KEY (domain, selector)
);
COMMENT ON COLUMN dkim_key.content IS 'the private key as the filter reads it';
"""


def upgrade() -> None:
    """Make the table."""
    op.execute(TABLES)
