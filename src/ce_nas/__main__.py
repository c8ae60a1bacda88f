"""``python -m ce_nas`` is ``ce-nas``."""

from ce_nas.apps.cli.main import main

if __name__ == "__main__":
    main()
