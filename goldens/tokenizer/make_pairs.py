"""Writes pairs.json: what Python's `tokenizers` makes of pairs of texts, cut and whole. Needs tokenizers."""

import json
from pathlib import Path

from tokenizers import Tokenizer

here = Path(__file__).parent
words = json.loads((here / "words" / "tokenizer.json").read_text())
special = {name: {"id": name, "ids": [id], "tokens": [name]} for name, id in (("[CLS]", 1), ("[SEP]", 2))}


def piece(name, type_id):
    kind = "Sequence" if len(name) == 1 else "SpecialToken"
    return {kind: {"id": name, "type_id": type_id}}


template = {
    "type": "TemplateProcessing",
    "single": [piece("[CLS]", 0), piece("A", 0), piece("[SEP]", 0)],
    "pair": [piece("[CLS]", 0), piece("A", 0), piece("[SEP]", 0), piece("B", 1), piece("[SEP]", 1)],
    "special_tokens": special,
}
edges = {"sep": ["[SEP]", 2], "cls": ["[CLS]", 1]}
byte_level = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
processors = {
    "none": None,
    "bert": {"type": "BertProcessing", **edges},
    "roberta": {"type": "RobertaProcessing", **edges, "trim_offsets": True, "add_prefix_space": True},
    "template": template,
    "byte level": byte_level,
    "byte level, then a template": {"type": "Sequence", "processors": [byte_level, template]},
}
texts = [
    ("who lives there", "a small house by the sea"),
    ("a small house by the sea", "who"),
    ("", "a house"),
    ("by the sea", "by the sea"),
]
cases = []
for name, processor in processors.items():
    for first, second in texts:
        for most in (None, 4, 7, 8, 9):
            tokenizer = Tokenizer.from_str(json.dumps({**words, "post_processor": processor}))
            if most is not None:
                tokenizer.enable_truncation(most, strategy="longest_first")
            found = tokenizer.encode(first, second)
            case = {"texts": [first, second], "truncateTo": most, "ids": found.ids, "types": found.type_ids}
            cases.append({"processor": name, **case})
(here / "pairs.json").write_text(json.dumps({"processors": processors, "cases": cases}) + "\n")
