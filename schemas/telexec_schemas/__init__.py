"""What telexec puts on the wire: messages, methods, error codes, and the environment policy.

Pure: nothing here knows a clock, an event loop, the operating system, a socket or a logger.
"""
