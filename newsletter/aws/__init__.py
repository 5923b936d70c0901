"""What belongs to Amazon besides sending.

events     the queue that SES reports to
"""
