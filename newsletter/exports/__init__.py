"""What an earlier service gives becomes issues of the past.

services    which service an export is of, and its posts
folders     the posts of a Hugo or Jekyll folder
permalinks  where the pages of such a folder were read
prepared    a post's HTML without what no letter can hold
markdown    HTML written down as Markdown
faithful    Markdown that comes back the same
named       the pictures of Markdown by other names
past        posts become issues: their numbers, names and front matter
"""
