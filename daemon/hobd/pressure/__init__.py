"""When the whole machine is short of memory: how that is heard, and how far hob yields to others."""
