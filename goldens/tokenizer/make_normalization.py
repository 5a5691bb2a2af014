"""Writes the cases whose texts are rewritten before they are split: a tokenizer.json and what Python makes of texts.

Every byte of the rewritten text is a token, and Metaspace marks where pieces begin, so the ids show all that happened.
Run in this folder: pip install tokenizers sentencepiece protobuf && python make_normalization.py
"""

import json
import tempfile
from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

here = Path(__file__).parent

TEXTS = [
    "Hello World",
    "caf\u00e9 cafe\u0301 \u1ebf e\u0302\u0301 \u0122 \ufb01 \ufb03",
    "\uff21\uff22\uff23\u3000\uff11\uff12 \u2460 \u00bd \u2167 \u212b \u33a1 \ufdfa",
    "\uff76\uff9e \u30ab\u3099 \u1112\u1161\u11ab \ud55c",
    "\u0915\u094d\u0937 \u0928\u093f \u0e01\u0e33 \u0e49\u0e33 \u0b95\u0bcd\u0bb7",
    "\u4e16\u754c\uff0c\u3042\u4eca \U00020000 \uf900",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f44d\U0001f3fd \U0001f1e9\U0001f1ea 1\ufe0f\u20e3 \u2764\ufe0f",
    "a\u200bb\u200c\u200d\ufeffc\u2060\u00ad d\u00a0e\u2028f\u0085",
    "\ta\r\n\r\n b\x07\x7f ",
    "\ta", "\u2026a", "\u1fbfa", "\u2049", "  a  b",
    "I\u0130\u0131 \u03a3\u03a3 \u1e9e \u01c5",
    "a.b,c-d_e$f\u2014g\u3002h\u00bfi",
    # Marks, punctuation, format characters and forms of Unicode versions that the library does not know, and some that were others before.
    "a\u07fd\u0899\u08d3\u1ac7\u1dfa\ua8ff\U00010efd\U0001e08fb",
    "a\u061d\u09fd\u2e4f\u2e5d\U00010eadb\u166dc\U000111c9d",
    "a\u0890\u08e2\U000110cd\U00013430b",
    "\u32ff \ua7f2 \U0001e030 \U0001fbf5 \U00011938",
    "a\u1ac7\u0316b \U00016ff0\u0301\u0316",
    "\u1cf2 \u1734 \U0001171e",
]

RULES = {
    "\u00e9": "e", "\u1ebf": "e", "e\u0301": "E", "\ufb01": "fi", "\uff21": "A", "\u3000": " ", "\u2026": "...",
    "\u2460": "1", "\u200b": "", "\u200d": " ", "\uff76\uff9e": "\u30ac", "\uff76": "\u30ab", "\u1fbf": " \u0313",
    "\u0915\u094d": "k", "\U0001f44d": "+", "\t": " ", "\r\n": " ",
}


def precompiled_charsmap():
    with tempfile.TemporaryDirectory() as folder:
        codes = lambda text: " ".join(f"{ord(character):X}" for character in text)
        rules = Path(folder, "rules.tsv")
        rules.write_text("".join(f"{codes(old)}\t{codes(new)}\n" for old, new in RULES.items()))
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["a b c"] * 9),
            model_prefix=f"{folder}/model",
            model_type="char",
            vocab_size=7,
            normalization_rule_tsv=str(rules),
            minloglevel=2,
        )
        proto = sentencepiece_model_pb2.ModelProto.FromString(Path(folder, "model.model").read_bytes())
        return proto.normalizer_spec.precompiled_charsmap


def bert(**settings):
    return normalizers.BertNormalizer(**{"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False, **settings})


def pieces(*stages, scheme="always"):
    return pre_tokenizers.Sequence([*stages, pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)])


def all_of(*stages):
    return normalizers.Sequence(list(stages))


words = pre_tokenizers.BertPreTokenizer()
precompiled = normalizers.Precompiled(precompiled_charsmap())
cases = {
    "normalized-by-charsmap": (precompiled, pieces(scheme="first")),
    "normalized-as-deberta": (
        all_of(normalizers.Lowercase(), normalizers.Strip(), precompiled),
        pieces(pre_tokenizers.Punctuation(), scheme="first"),
    ),
    "normalized-as-albert": (
        all_of(normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), precompiled),
        pieces(pre_tokenizers.WhitespaceSplit(), scheme="first"),
    ),
    "normalized-as-bert": (bert(clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True), pieces(words)),
    "normalized-as-bert-cased": (bert(clean_text=True), pieces(words)),
    "normalized-as-clip": (all_of(normalizers.NFC(), normalizers.Lowercase()), pieces()),
    "normalized-to-nfkc": (
        all_of(normalizers.NFKC(), normalizers.Strip(left=False, right=True)),
        pieces(pre_tokenizers.Punctuation(), scheme="first"),
    ),
}

for name, (normalizer, pre_tokenizer) in cases.items():
    vocabulary = {f"<0x{byte:02X}>": byte for byte in range(256)} | {"\u2581": 256}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], byte_fallback=True))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    encoded = [[text, tokenizer.encode(text).ids] for text in TEXTS]
    decoded = [[ids, tokenizer.decode(ids)] for _, ids in encoded]
    folder = here / "cases" / name
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "expected.json").write_text(json.dumps({"encode": encoded, "decode": decoded}, separators=(",", ":")) + "\n")
