"""The daemon: owns models and memory, reachable only through its doors."""
