"""What sending through Amazon SES needs, looked at, made and undone; AWS is all the memory.

    blueprint    what is wanted: names, tags, documents of rights
    control      AWS's control plane: looked at, written to, one request a second for SES
    part         one thing of the account: how it stands, how it is made and undone
    sending      parts of SES: identity, MAIL FROM, configuration set, event destination
    reporting    parts of SNS and SQS: queues, topic, subscription
    rights       the policy for the host that sends
    plan         all parts in order: surveyed, made, undone
    dns          the records to publish, and what DNS says now

Import from the file that has it.
"""
