"""Alembic's folder: one file for each change of the tables. Run by `migrate`, never by hand."""
