"""The only part of hob that dials out: it brings models, when a person asks for one."""
