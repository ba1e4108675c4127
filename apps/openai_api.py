"""The API, by the name that users of Qwen's openai_api.py know: -c CHECKPOINT --server-port 8000."""

import sys

from qwen_chat.cli import run

if __name__ == "__main__":
    sys.argv.insert(1, "serve")
    run()
