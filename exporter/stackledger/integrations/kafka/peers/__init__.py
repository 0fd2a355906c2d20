"""Families under the names of other exporters, so that boards and rules made for them go on working.

Boards, alerts and SLOs of ours stand on our own names alone, so that a configuration may choose either peer, or none.
A peer is a folder with its metrics and with what fills them.
"""
