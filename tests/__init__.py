"""The tests; a package so that every part of them can import the harness."""
