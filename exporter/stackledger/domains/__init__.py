"""Questions that span systems, one folder each."""
