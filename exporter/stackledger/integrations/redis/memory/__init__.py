"""Memory of a node: the limit, what is evicted and whether that hurts, fragmentation, swap. Panels and alerts."""
