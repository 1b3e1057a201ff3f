"""Paired timings: ours against plain pip, a floor or a limit, in turn in one run. ``make benchmarks`` runs them.

Not part of the test suite: a machine's speed drifts, so only ratios within one run mean something.
"""
