"""``python -m kpcomplete`` is the command ``kpcomplete``."""

from kpcomplete.app.cli import main

if __name__ == "__main__":
    main()
