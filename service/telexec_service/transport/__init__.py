"""How peers reach the service."""
