"""What changed for the business between two states of a project: parameters, steps, tasks, contract, stages.

``revision`` reads a state from git or from the working tree, ``outline`` says what a notebook decides by,
``compare`` makes the changes, ``report`` shows them. No kernel runs; code is loaded only where a contract
may have changed.
"""
