"""Requests: who may ask for what, when, and who answers."""
