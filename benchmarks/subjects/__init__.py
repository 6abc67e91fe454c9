"""What is compared, each in a file of its own."""
