"""Tests of trying steps on phantoms."""
