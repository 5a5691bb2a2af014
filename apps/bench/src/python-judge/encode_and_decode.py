"""Encodes and decodes with the tokenizers of this Python: the judge of `bench tokenizers`.

Reads one JSON object from standard input, {"file": a tokenizer.json, "texts": [...], "long": [...]}, and writes
{"texts": [{"ids", "plain", "text", "special"} or {"error"}, ...], "long": [{"ids", "seconds"}, ...]}.
"""

import json
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"

from tokenizers import Tokenizer  # noqa: E402


def judge(tokenizer, text):
    try:
        ids = tokenizer.encode(text).ids
        return {
            "ids": ids,
            "plain": tokenizer.encode(text, add_special_tokens=False).ids,
            "text": tokenizer.decode(ids),
            "special": tokenizer.decode(ids, skip_special_tokens=False),
        }
    except BaseException as error:  # a panic of the library is no Exception
        return {"error": f"{type(error).__name__}: {error}"}


def measure(tokenizer, text):
    started = time.perf_counter()
    ids = tokenizer.encode(text).ids
    return {"ids": ids, "seconds": time.perf_counter() - started}


def main():
    work = json.load(sys.stdin)
    tokenizer = Tokenizer.from_file(work["file"])
    tokenizer.no_truncation()
    tokenizer.no_padding()
    result = {
        "texts": [judge(tokenizer, text) for text in work["texts"]],
        "long": [measure(tokenizer, text) for text in work["long"]],
    }
    json.dump(result, sys.stdout)


main()
