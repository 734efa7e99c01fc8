"""Run by Alembic: migrate over the connection we were given, inside its transaction."""

from alembic import context

from jupyter_flows.storage.schema import VERSION_TABLE
from jupyter_flows.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite changes tables by copying them
)
with context.begin_transaction():
    context.run_migrations()
