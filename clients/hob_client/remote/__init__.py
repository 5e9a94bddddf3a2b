"""Daemons elsewhere, reached through the user's own ssh: no port is opened on either side.

Must never import grpc: what is here runs before a client is made. Used by calls.py, async_calls.py, hob_cli.
"""
