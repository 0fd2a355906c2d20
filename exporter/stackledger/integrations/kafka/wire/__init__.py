"""A client of Kafka's own protocol, for the few requests that a monitor needs. It reads, and never writes or creates.

    codec         encodings, bounds-checked          request       API keys, versions, headers
    messages/     what is asked and answered         error_codes   numbers and names
    sasl          mechanisms, pure                   connection    one socket to one broker
    cluster       from bootstrap servers to every broker, and the traffic counted

It depends on the standard library, `stackledger.errors` and `stackledger.clock`; what the answers mean for lag, groups
or topics is not its business. Every wait is bounded by its caller: cancel a request and the connection stays usable.
"""
