"""Who drains an outbox: for now one process on this machine."""
