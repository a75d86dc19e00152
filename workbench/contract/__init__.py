"""The contract guard: what callers were promised, what changed of it, and older contracts kept in service."""
