"""Hot slots, where the server tells of single slots: CLUSTER SLOT-STATS of Redis 8.2 and Valkey 8, in the slow lane."""
