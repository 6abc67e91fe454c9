"""What the client decides; pure: no clock, loop, OS, socket or logger."""
