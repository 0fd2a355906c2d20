"""The running service: HTTP application, the observer behind it, reload, console. Wiring only; no metric is made here.

Owns the process. The web framework is imported here and nowhere below.
"""
