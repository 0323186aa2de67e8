"""Conformance suites: what every implementation of a protocol has to do."""
