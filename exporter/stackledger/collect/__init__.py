"""Reading targets on time: sources, snapshots, schedule, breaker, discovery. One bad target affects no other.

Owns when a target is read and what is kept of it. Owns no protocol (integrations) and no page (exposition).
"""
