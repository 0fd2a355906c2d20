"""What administrators did: reassignments under way, feature levels, quotas, access control lists."""
