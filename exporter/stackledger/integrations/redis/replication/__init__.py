"""Replicas in step, and data on disk: what a failure would lose. Panels and alerts."""
