"""Benchmarks: ours beside the named peer, interleaved in one run."""
