"""What the world may read: the archive of past issues, its feeds, and earlier addresses.

`sources` reads the author's folder, `select` chooses the issues, `letters` renders them, `archive`
lays out the files (`pages`, `feeds`, `redirects`), and `output` writes them into one of `places`.
`past_issues` brings along what an earlier service sent; `images` publishes the pictures of mails.
"""
