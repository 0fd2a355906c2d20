"""Brokers, the health of all partitions together, the KRaft quorum."""
