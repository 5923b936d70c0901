"""Amazon SES: all that is AWS is here.

    client        the transport: session, account, mails handed over
    single        one mail per request (SendEmail)
    bulk          up to fifty mails per request (SendBulkEmail)
    pattern       requests made after the first of their kind
    recent        names of mails given lately: one that comes again proves nothing
    outcomes      what an answer or an error proves about a mail
    account       the account's limits, and why it cannot be used
    credentials   who we are to AWS
    setup         what an account needs, made and undone
    events        the queue that SES reports to
    event_format  what stands in a message of that queue
    wire, connection, http1
                  requests, each written once, and the record of what was written

Import from the file that has it; naming one costs no other.
"""
