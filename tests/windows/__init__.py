"""hob on Windows, as far as Wine goes: the real daemon, its pipe, the real client and CLI, and a worker."""
