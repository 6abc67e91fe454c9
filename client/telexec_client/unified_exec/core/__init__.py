"""What unified exec decides: no clock, event loop, socket or logger."""
