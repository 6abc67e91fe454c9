"""Running programs and moving their input and output."""
