"""What the kernel forbids this process, one file per mechanism."""
