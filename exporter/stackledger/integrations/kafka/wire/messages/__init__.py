"""The requests that a monitor sends and the answers that it gets, one module per subject.

The answers are plain values: small things as NamedTuples, bulk rows as dicts of integers. Error codes are kept as the
integers that the broker sent (`error_codes.error_name`); 0 is no error. Nothing here judges or computes.
"""
