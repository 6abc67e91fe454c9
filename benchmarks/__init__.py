"""telexec beside its peers and beside the floor, measured in alternating rounds of one run.

`python -m benchmarks --help` has the options, docs/performance.md the method and the numbers.
"""
