"""The tests; modules without a test_ prefix hold what several of them share."""
