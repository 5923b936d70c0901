"""What browsers see: `preview` for the author alone, `serve` for the readers.

app        a Starlette application on a socket: start, stop, headers
guard      who may ask the preview: this machine's own pages
preview    the preview's addresses
endpoints  its pages and files, to be looked at
actions    what it does at a press, under the token of the run
editor     a line of a file in the author's editor
look       what an author chose to look at, as the address has it
shelf      the list of issues, and how far each is
readers    invented readers, one of each kind that breaks a letter
proofs     issues as one of them will get them
views      a proof, or the last good one under what is wrong now
frame      the mail inside the page: local pictures, one colour scheme
inbox      its row in an inbox
parts      its links, pictures, headers and text
sending    what a send would do, and one test mail
asking     what the links of an issue answer
threads    slow work that does not keep the program from ending
reload     from a change on disk to the open page
public     the page on which a reader leaves
words      what that page says, by language
pages      templates
"""
