"""The telexec service: runs processes for orchestrators, in the environment of its host."""

__version__ = "0.1.0"
