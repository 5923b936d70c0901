"""The records and the author's folder: the only place that reads or writes a disk on their behalf.

`files` is the folder under git; `sql.Store` is the database. This file imports neither, so that a
command that only reads an issue does not load SQLAlchemy.
"""
