"""Monitored systems, one folder each. Families do not know one another."""
