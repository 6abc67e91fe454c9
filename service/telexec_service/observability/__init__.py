"""What operators see of the service: log lines, the audit log, numbers and health."""
