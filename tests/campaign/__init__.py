"""Crashing on purpose: the real command is killed, starved and sabotaged, and the promises checked.

`checks` says what a promise is, in terms of the server's log and the store's rows; `kills` is the
campaign of `kill -9`; `disk` cuts the power; `planted` puts bugs into the command to see that the
checks would find them. `python -m tests.campaign --kills 1000` runs the long campaign.
"""
