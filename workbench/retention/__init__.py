"""What goes when its time is over, or when a person asks for it: partitions, ``artemis purge``, ``artemis forget``."""
