"""The five proofs of SECURITY.md: each looks where a leak would be, and shows first that it would see one."""
