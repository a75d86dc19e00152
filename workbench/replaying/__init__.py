"""Replay: past decisions recomputed from their facts under other parameters or other logic. No model is called."""
