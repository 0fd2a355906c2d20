"""What every call cost: events in, priced once, exactly, kept, and asked.

Flow: `intake` turns what arrives into usage events; `inbox` keeps them durably before anybody is told "accepted";
`apply` prices them with the `prices` in force and hands them to an `engines` implementation, which stores rows and
the position in the inbox in one transaction.
"""
