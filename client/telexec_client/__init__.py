"""The telexec client: run processes on another machine."""
