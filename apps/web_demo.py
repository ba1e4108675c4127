"""The page, by the name that users of Qwen's web_demo.py know: -c CHECKPOINT --server-port 8000."""

import sys

from qwen_chat.cli import run

if __name__ == "__main__":
    sys.argv.insert(1, "web")
    run()
