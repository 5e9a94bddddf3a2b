"""What lets a model act: tools, what may be done with them, and who calls what next.

Must never act without consent.Gate, nor import what is heavy before it is needed (mcp, pathspec). Used by
hob_cli and hob_editors, which bring the screen, the person and the files.
"""
