"""`hob acp`: an agent that editors start, speaking the Agent Client Protocol over its pipes.

Must read and write files through the editor alone, do nothing that the editor did not permit, and keep
sessions in memory only. Started by `hob acp`.
"""
