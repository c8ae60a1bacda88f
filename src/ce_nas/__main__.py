"""``python -m ce_nas`` is ``ce-nas``."""

from ce_nas.cli.main import main

main()
