"""Which key signs a domain's mail, where it is not the one of the settings' selector."""

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = """
CREATE TABLE dkim_choice (
    domain text NOT NULL,
    algorithm text NOT NULL,
    selector text NOT NULL,
    PRIMARY KEY (domain, algorithm)
);
COMMENT ON TABLE dkim_choice IS 'keys brought along, which sign instead of those of the settings'' selectors';
"""


def upgrade() -> None:
    """Make the table."""
    op.execute(TABLES)
