"""What lies beside the database on this machine: locks, backups, who left, what the owner was told.

These files outlive the database or fence it: a restored backup learns from them.
"""
