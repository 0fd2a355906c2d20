"""Connections to other programs and the settings for them. Knows no metric."""
