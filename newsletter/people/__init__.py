"""What is done with people on the list: import, export, add, remove, allow, erase, show.

One module for each; it takes the opened records and gives values out. Who may be mailed is not
decided here but in `audience`, and what stands in the records is the store's.
"""
