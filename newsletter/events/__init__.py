"""What Amazon SES reports: fetched into the records on demand, before and during a send.

`pull` fetches, `background` does so in a thread, `reputation` judges a run by it, `reconcile`
settles what is unknown as far as events prove anything.
"""
