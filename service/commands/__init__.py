"""The commands of ``python -m service``, one module each.

A command module has ``add_commands``, which adds its parser and sets ``run``: a function of the arguments
and the settings that prints its answer and returns the exit code. :mod:`service.__main__` lists the codes.
"""
