"""A newsletter in a git folder: composed, delivered and recorded in stages.

    issue       text + front matter                -> Issue
    markup      Markdown                           -> HTML fragment and text part
    utm         one link in                        -> one link out
    render      Issue + Theme                      -> Rendered, once per issue
    check       Issue + Rendered                   -> findings
    audience    who is eligible                    -> the recipients of an issue
    message     Rendered x Subscriber              -> one MIME mail
    outbox      Delivery + Outcome                 -> its next state
    send        claim -> compose -> transport -> settle

Files at this level think: values in, values out. Folders touch one outside thing each: `store`
keeps the records, `transport` hands mail over, `workers` drain the outbox, `cli` is the face.
The life of one mail, in order, is told in docs/flow.md.
"""

from __future__ import annotations

__version__ = "0.1.0"
