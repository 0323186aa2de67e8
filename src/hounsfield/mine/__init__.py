"""Mine: what many cases say together; for now, which of them look like a given one."""
