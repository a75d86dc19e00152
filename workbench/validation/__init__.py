"""Validation: a notebook executed under a stage's parameters, and what is kept of it.

``plan`` says what will be run, or why not, before a kernel starts. ``execute`` runs it under
papermill; ``metrics`` reads the numbers in the kernel itself, ``failure`` says where it went wrong.
``keep`` writes the executed notebook, the page and the metrics to ``reports/<stage>/``.
"""
