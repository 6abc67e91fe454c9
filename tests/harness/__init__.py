"""What tests are made of: real services, real peers, real children, and faults between them."""
