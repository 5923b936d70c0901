"""What only SQLite knows: its pragmas, files and triggers. `postgres` is a room like this.

Rooms beside this one speak SQLAlchemy Core that PostgreSQL understands too; a test reads them for
words of SQLite's.
"""
