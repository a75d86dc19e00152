"""Asking a model, between a task and a provider: who is asked, within which bounds, and whether at all.

router     who answers a question, and who does when the first cannot
reuse      answers that were paid for before, by this process or another
flights    identical questions in flight at once are one
bounds     a circuit breaker and a concurrency limit for each provider
identity   which version of a model answered last, and whether this one is another
routing    what a stage file says of all that
notes      how calls and answers are written down
ledger     what the calls of one task came to, to be stored with its fact
"""
