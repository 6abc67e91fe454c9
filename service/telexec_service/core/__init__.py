"""What the service decides, without a clock, a loop, the operating system or a logger."""
