"""The house that the four taps share: one module, one job.

Dependencies point one way: ``tap_*`` -> ``support_taps`` -> ``singer_sdk``.
"""
