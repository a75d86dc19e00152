"""`artemis test`: rules, recorded cases and notebooks, each checked its own way, with one summary."""
