"""What the owner hears while nobody looks: mails, the webhook, and the monitor's heartbeat.

`notifier` tells each thing once and by which ways, `owner_mail` composes and delivers the mails,
`notice_files` remembers what was told while the records cannot.
"""
