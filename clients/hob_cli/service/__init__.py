"""hob as a service of the user, by the means of each system: systemd and launchd."""
