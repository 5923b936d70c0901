"""What only PostgreSQL knows: its locks, its triggers, its faults.

Nothing here keeps anything in a session: each transaction says what it needs, so a connection
pooler may hand any transaction to any connection.
"""
