"""Consumer groups of every type: members, lag in records and seconds, is anybody getting on."""
