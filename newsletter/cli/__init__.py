"""The face: commands, prompts and printing, and nothing that decides.

    app       the commands in the order of `--help`, global options, errors and exit codes
    write     init, new, check, build
    people    subscribers
    post      send, status
    run       settings, db
    sending   what `send` does, step by step
    draft     the file of a new issue
    sample    the mail of an invented reader
    desk      a newsletter's folder with its settings, as commands find it
    show      what goes to stdout, what to stderr, and how
    progress  a bar on a terminal, a line now and then elsewhere
    reference the page docs/cli.md

Everything heavy is imported by the command that needs it: `newsletter --help` stays quick.
"""
