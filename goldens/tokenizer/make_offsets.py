"""Writes offsets.json: where Python's `tokenizers` says that tokens stand in their texts, in code points. Needs tokenizers."""

import json
from pathlib import Path

from tokenizers import Tokenizer

here = Path(__file__).parent

# Of a model that drops characters, the library counts the places of tokens without them.
FOLDERS = [
    *(f"../gliner/{name}" for name in ("deberta", "bert", "modernbert")),
    ".",
    "words",
    *(
        f"cases/{name}"
        for name in (
            "added-tokens-json",
            "byte-fallback-drops-byte-order-mark",
            "normalized-as-albert",
            "normalized-as-bert",
            "normalized-as-bert-cased",
            "normalized-as-clip",
            "normalized-as-deberta",
            "normalized-by-charsmap",
            "normalized-to-nfkc",
            "two-files-name-special-tokens",
            "white-space-of-the-pre-tokenizer",
        )
    ),
]
TEXTS = [
    "Mina Okoye went to the market in Rotterdam.",
    "  Two  spaces\tand a tab \n",
    "Caf\u00e9 na\u00efve \u00dcber-gro\u00df: \u0130stanbul",
    "\U0001f469 is here, \u4e16\u754c too",
    "a house by the sea, don't you see?",
    "ab abc a b",
    "\ufeffa\u200bb",
    "who lives there",
    "",
]
ROBERTA = {"type": "RobertaProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0], "trim_offsets": True}


def offsets(tokenizer, text):
    found = tokenizer.encode(text)
    special = found.special_tokens_mask
    return [None if special[index] else list(span) for index, span in enumerate(found.offsets)]


cases = []
for folder in FOLDERS:
    text = (here / folder / "tokenizer.json").read_text()
    processors = [None]
    if folder == ".":
        processors = [{**ROBERTA, "add_prefix_space": adds} for adds in (True, False)]
    for processor in processors:
        json_of = json.loads(text) if processor is None else {**json.loads(text), "post_processor": processor}
        if processor is not None:
            json_of["pre_tokenizer"] = {**json_of["pre_tokenizer"], "add_prefix_space": processor["add_prefix_space"]}
        tokenizer = Tokenizer.from_str(json.dumps(json_of))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        changes = {} if processor is None else {key: json_of[key] for key in ("post_processor", "pre_tokenizer")}
        for sample in TEXTS:
            try:
                ids = tokenizer.encode(sample).ids
            except Exception:
                continue
            cases.append(
                {"folder": folder, "changes": changes, "text": sample, "ids": ids, "offsets": offsets(tokenizer, sample)}
            )
(here / "offsets.json").write_text(json.dumps(cases) + "\n")
