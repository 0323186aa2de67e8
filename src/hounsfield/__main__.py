"""``python -m hounsfield`` is the same as the command ``hounsfield``."""

from hounsfield.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
