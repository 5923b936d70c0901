"""What browsers see: `preview` for the author alone, `serve` for the readers.

app        a Starlette application on a socket: start, stop, headers
guard      who may ask the preview: this machine's own pages
proofs     issues as one invented reader will get them
preview    the preview's addresses
reload     from a change on disk to the open page
public     the page on which a reader leaves
words      what that page says, by language
pages      templates
"""
