"""Benchmarks: each measures us and a peer in one run, `python -m benchmarks [NAME ...] [--json]`.

Numbers of different machines, or of different minutes on a shared one, cannot be compared; ratios
of two things that took turns can. So every benchmark alternates between the two sides and is
judged by the ratio of their medians (where the peer is a clock: by our own median).
"""
