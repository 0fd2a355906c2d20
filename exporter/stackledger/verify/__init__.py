"""Used against existing: everything that a board, alert or SLO selects, compared with what is really there.

Pure but for fetching. Exposed metrics are looked for on our own page, recorded and external ones in Prometheus.
"""
