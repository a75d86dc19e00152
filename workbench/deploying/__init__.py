"""Bringing a package to AWS: the plan, the database, the stack, a try before traffic; going back; telling of it."""
