"""The terminal chat, by the name that users of Qwen's cli_demo.py know: -c CHECKPOINT --cpu-only -s SEED."""

import sys

from qwen_chat.cli import main

if __name__ == "__main__":
    sys.exit(main())
