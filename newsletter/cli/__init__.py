"""The face: commands, prompts and printing, and nothing that decides.

    app       the commands in the order of `--help`, global options, errors and exit codes
    write     init, new, check, preview, build
    people    subscribers
    post      send, status
    run       serve, settings, db
    sending   what `send` does before anything leaves
    draining  what it does then
    draft     the file of a new issue
    project      a newsletter's folder with its settings, as commands find it
    show      what goes to stdout, what to stderr, and how
    progress  a bar on a terminal, a line now and then elsewhere
    reference the page docs/cli.md

Everything heavy is imported by the command that needs it: `newsletter --help` stays quick.
"""
