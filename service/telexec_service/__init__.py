"""The telexec service: runs processes for orchestrators, in the environment of its host."""

from importlib.metadata import version

__version__ = version("telexec")
