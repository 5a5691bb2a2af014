"""Writes expected.json: ids and decoded text of the Python `tokenizers` package for diverse texts.

Run in this folder: pip install tokenizers && python make.py
"""

import json
import random
from pathlib import Path

import tokenizers

here = Path(__file__).parent
tokenizer = tokenizers.Tokenizer.from_file(str(here / "tokenizer.json"))

texts = [
    "",
    " ",
    "  ",
    "a",
    "Hello",
    "Hello world",
    " Hello world",
    "Hello  world",
    "Hello world ",
    "Once upon a time, there was a little girl named Lily.",
    "It's what they've said: I'm sure you'll see we'd agree, don't you're?",
    "UPPER lower MiXeD",
    "12345 3.14159 1,000,000",
    "tabs\tand\nnewlines\r\nand\n\n\nmore",
    "   leading and trailing   ",
    "a" * 300,
    " " * 64 + "x",
    "\n" * 33,
    "!?.,;:()[]{}<>@#$%^&*-_=+|\\/\"'`~",
    "<s>",
    "</s>",
    "before<s>middle</s>after",
    "<s><s></s></s>",
    "<S> </ s> <s",
    "caf\u00e9 na\u00efve \u00fcber",
    "cafe\u0301 decomposed",
    "\u4f60\u597d\uff0c\u4e16\u754c\u3002",
    "\u3053\u3093\u306b\u3061\u306f \u4e16\u754c",
    "\uc548\ub155\ud558\uc138\uc694",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645",
    "\u0928\u092e\u0938\u094d\u0924\u0947",
    "\U0001f600\U0001f680 emoji \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea",
    "\U0001d54f mathematical \u222b\u2211\u221a",
    "replacement \ufffd character",
    "non\u00a0breaking\u2003em\u3000ideographic\u2028line",
    # Python and Rust count U+0085 as white space and U+FEFF not; a JavaScript \s does the opposite.
    "\ufeffbyte order mark",
    "inside! \ufeff?mark \ufeff\ufeffword",
    "next\u0085line  \u0085word \u0085",
    "zero\u200bwidth\u200djoiner",
    "\u00bd \u00b2 \u2167 \u0661\u0662\u0663 digits",
    "nul\x00and\x07bell\x7f",
    "const f = (x) => {\n    return x ** 2\n}\n",
    "The quick brown fox jumps over the lazy dog. " * 40,
]

random.seed(7)
for _ in range(6):
    points = [random.choice([random.randrange(32, 127), random.randrange(160, 0x2000), random.randrange(0x1F300, 0x1F700)])
              for _ in range(60)]
    texts.append("".join(map(chr, points)))

cases = []
for text in texts:
    ids = tokenizer.encode(text).ids
    cases.append({
        "text": text,
        "ids": ids,
        "idsWithoutSpecialTokens": tokenizer.encode(text, add_special_tokens=False).ids,
        "decoded": tokenizer.decode(ids, skip_special_tokens=True),
        "decodedWithSpecialTokens": tokenizer.decode(ids, skip_special_tokens=False),
    })

# Sequences that no text encodes to: bytes that are not valid UTF-8, alone, repeated and cut short.
byte_ids = [i for i in range(tokenizer.get_vocab_size()) if len(tokenizer.id_to_token(i)) == 1]
id_lists = [[random.choice(byte_ids) for _ in range(length)] for length in (1, 2, 3, 8, 40, 200)]
id_lists += [[random.randrange(2, tokenizer.get_vocab_size()) for _ in range(200)] for _ in range(4)]
decoded = [{"ids": ids, "decoded": tokenizer.decode(ids)} for ids in id_lists]

# Merges across white space make the split pattern visible in the ids, which the demo tokenizer hides.
white_space = tokenizers.Tokenizer(tokenizers.models.BPE())
white_space.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
white_space.decoder = tokenizers.decoders.ByteLevel()
white_space.train_from_iterator(
    ["a  \u0085word ! \ufeff? \ufeff\ufeffword  \u0085 x\u0085\u0085y !\ufeff?\ufeff!"] * 50,
    tokenizers.trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    ),
)
(here / "white-space").mkdir(exist_ok=True)
white_space.save(str(here / "white-space" / "tokenizer.json"), pretty=False)
white_space_texts = ["a  \u0085word", "! \ufeff?", " \ufeff\ufeffword", "!\ufeff?", "x\u0085\u0085y", "b  \u0085 c"]

out = {
    "source": f"tokenizers {tokenizers.__version__}",
    "vocabSize": tokenizer.get_vocab_size(),
    "encode": cases,
    "decode": decoded,
    "whiteSpace": [{"text": text, "ids": white_space.encode(text).ids} for text in white_space_texts],
}
(here / "expected.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")
