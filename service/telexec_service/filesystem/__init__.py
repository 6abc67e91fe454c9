"""Files of the host: one blocking function per method, for a pool of threads.

Everything takes absolute paths only, so that the service's working directory does not matter.
"""
