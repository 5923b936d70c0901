"""What becomes of an issue, in the order of the files' use.

`plan` looks up what a send would do, and `gate` refuses what must not go. `run` sends: it takes the
lock, freezes the recipients or resumes, has `drain` deliver, and records how it ended. `result`
holds what comes back; whoever asked prints it. `due` does the same for a trigger, `trial` for a
test mail; `sample` composes one that is sent to nobody. Beside them: `approve`, `cancel` and
`retry`, and the ledger that a restored backup is held against (`second_ledger`). Nothing here
prints, asks or knows an exit code.
"""
