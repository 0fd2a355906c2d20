"""A topic in Kafka as the inbox: messages are bodies of POST /api/v1/usage, positions are the ledger's own.

messages   from a message to a record that the ledger applies      reader   from the topic into the ledger
"""
