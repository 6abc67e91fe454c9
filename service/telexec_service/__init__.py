"""The telexec service: runs processes for orchestrators, in the environment of its host."""
