"""Writes processors.json: logits as the logits processors of the Python transformers leave them.

Run in this folder: pip install torch transformers && python make.py
"""

import json
from pathlib import Path

import torch
import transformers
from transformers.generation.logits_process import (
    ForcedBOSTokenLogitsProcessor,
    ForcedEOSTokenLogitsProcessor,
    MinLengthLogitsProcessor,
    MinNewTokensLengthLogitsProcessor,
    MinPLogitsWarper,
    NoBadWordsLogitsProcessor,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    SequenceBiasLogitsProcessor,
    SuppressTokensAtBeginLogitsProcessor,
    SuppressTokensLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

VOCABULARY = 32
torch.manual_seed(11)

settings = [
    {},
    {"repetitionPenalty": 1.3},
    {"repetitionPenalty": 0.7},
    {"temperature": 0.5},
    {"temperature": 1.7},
    {"topK": 1},
    {"topK": 5},
    {"topK": 31},
    {"topK": 100},
    {"topP": 0.0},
    {"topP": 0.3},
    {"topP": 0.9},
    {"topP": 0.999},
    {"minP": 0.0},
    {"minP": 0.1},
    {"minP": 1.0},
    {"topK": 10, "topP": 0.8},
    {"temperature": 0.7, "topP": 0.9, "minP": 0.05},
    {"repetitionPenalty": 1.1, "temperature": 0.8, "topK": 20, "topP": 0.95, "minP": 0.02},
    {"repetitionPenalty": 2.0, "temperature": 2.0, "topK": 8, "topP": 0.5},
]


def logits_of(kind):
    logits = torch.randn(1, VOCABULARY) * 3
    if kind == "ties":
        logits = logits.round()
    if kind == "masked":
        logits[0, ::3] = -float("inf")
    if kind == "flat":
        logits = torch.zeros(1, VOCABULARY)
    return logits


def process(logits, previous, s):
    ids = torch.tensor([previous])
    scores = logits.clone()
    if "repetitionPenalty" in s:
        scores = RepetitionPenaltyLogitsProcessor(s["repetitionPenalty"])(ids, scores)
    if "temperature" in s:
        scores = TemperatureLogitsWarper(s["temperature"])(ids, scores)
    if "topK" in s:
        scores = TopKLogitsWarper(s["topK"])(ids, scores)
    if "topP" in s:
        scores = TopPLogitsWarper(s["topP"])(ids, scores)
    if "minP" in s:
        scores = MinPLogitsWarper(s["minP"])(ids, scores)
    return scores


def plain(scores):
    """JSON has no infinity: null stands for it."""
    return [None if value == -float("inf") else value for value in scores[0].tolist()]


# Rules about tokens: the settings as generation_config.json has them, prompt and answer so far, the limit of both.
END = [4, 9]
rules = [
    ({"min_new_tokens": 3}, [5, 6, 7], [8, 1]),
    ({"min_new_tokens": 3}, [5, 6, 7], [8, 1, 2]),
    ({"min_length": 5}, [5, 6, 7], []),
    ({"min_length": 5}, [5, 6, 7], [1, 2]),
    ({"min_length": 4, "min_new_tokens": 2}, [5, 6, 7], [1]),
    ({"no_repeat_ngram_size": 1}, [5, 6, 7, 6], [2]),
    ({"no_repeat_ngram_size": 2}, [5, 6, 7, 5, 8], [5]),
    ({"no_repeat_ngram_size": 3}, [5, 6, 7, 5, 6, 8], [5, 6]),
    ({"no_repeat_ngram_size": 3}, [5], [6]),
    ({"no_repeat_ngram_size": 3}, [5, 5, 5], [5]),
    ({"suppress_tokens": [0, 3, 31, 40]}, [5, 6], [1]),
    ({"begin_suppress_tokens": [0, 3, 31]}, [5, 6], []),
    ({"begin_suppress_tokens": [0, 3, 31]}, [5, 6], [1]),
    ({"begin_suppress_tokens": [0, 3], "forced_bos_token_id": 7}, [5], []),
    ({"begin_suppress_tokens": [0, 3], "forced_bos_token_id": 7}, [5], [7]),
    ({"bad_words_ids": [[3], [4], [5, 6], [7, 8, 9], [1, 2, 3, 4, 5]]}, [7, 8], []),
    ({"bad_words_ids": [[3], [4], [5, 6], [7, 8, 9], [7, 8]]}, [7], [5]),
    ({"sequence_bias": [[[3], 2.5], [[5, 6], -4.0], [[7, 8], 1.5], [[5, 7], 0.5]]}, [7], [5]),
    ({"sequence_bias": [[[3], 2.5], [[9, 3], 1.0], [[1, 2, 3, 4, 5], 9.0]]}, [7], [9]),
    ({"forced_bos_token_id": 7}, [5], []),
    ({"forced_bos_token_id": 7}, [5, 6], []),
    ({"forced_eos_token_id": 9}, [5, 6], [1, 2, 3, 8, 8]),
    ({"forced_eos_token_id": [4, 9]}, [5, 6], [1, 2, 3, 8, 8]),
    ({"forced_eos_token_id": 9}, [5, 6], [1, 2, 3, 8]),
    (
        {
            "sequence_bias": [[[3], 2.5], [[6, 7], -4.0]],
            "repetition_penalty": 1.3,
            "no_repeat_ngram_size": 2,
            "bad_words_ids": [[11], [6, 12]],
            "min_new_tokens": 4,
            "suppress_tokens": [13, 14],
        },
        [5, 6, 7],
        [3, 6],
    ),
]
LIMIT = 8


def constrain(logits, prompt, answer, s):
    """The processors in the order of transformers' _get_logits_processor."""
    ids = torch.tensor([prompt + answer])
    processors = []
    if "sequence_bias" in s:
        processors.append(SequenceBiasLogitsProcessor(s["sequence_bias"]))
    if "repetition_penalty" in s:
        processors.append(RepetitionPenaltyLogitsProcessor(s["repetition_penalty"]))
    if "no_repeat_ngram_size" in s:
        processors.append(NoRepeatNGramLogitsProcessor(s["no_repeat_ngram_size"]))
    if "bad_words_ids" in s:
        processors.append(NoBadWordsLogitsProcessor(s["bad_words_ids"], END))
    if "min_length" in s:
        processors.append(MinLengthLogitsProcessor(s["min_length"], END))
    if "min_new_tokens" in s:
        processors.append(MinNewTokensLengthLogitsProcessor(len(prompt), s["min_new_tokens"], END))
    if "forced_bos_token_id" in s:
        processors.append(ForcedBOSTokenLogitsProcessor(s["forced_bos_token_id"]))
    if "forced_eos_token_id" in s:
        processors.append(ForcedEOSTokenLogitsProcessor(LIMIT, s["forced_eos_token_id"]))
    if "suppress_tokens" in s:
        processors.append(SuppressTokensLogitsProcessor(s["suppress_tokens"]))
    if "begin_suppress_tokens" in s:
        begin = len(prompt) + (1 if len(prompt) <= 1 and "forced_bos_token_id" in s else 0)
        processors.append(SuppressTokensAtBeginLogitsProcessor(s["begin_suppress_tokens"], begin))
    scores = logits.clone()
    for processor in processors:
        scores = processor(ids, scores)
    return scores


cases = []
for s in settings:
    for kind in ("random", "ties", "masked", "flat"):
        # Which of equal tokens top-p keeps is up to torch's sort, so it is compared without equal logits only.
        if "topP" in s and kind in ("ties", "flat"):
            continue
        logits = logits_of(kind)
        previous = torch.randint(0, VOCABULARY, (10,)).tolist()
        cases.append({"kind": kind, "settings": s, "previousTokens": previous, "logits": plain(logits),
                      "processed": plain(process(logits, previous, s))})

rule_cases = []
for s, prompt, answer in rules:
    logits = logits_of("random")
    rule_cases.append({"settings": s, "prompt": prompt, "answer": answer, "logits": plain(logits),
                       "processed": plain(constrain(logits, prompt, answer, s))})

out = {"source": f"transformers {transformers.__version__}, torch {torch.__version__}", "cases": cases,
       "rules": {"eosTokenIds": END, "limit": LIMIT, "cases": rule_cases}}
(Path(__file__).parent / "processors.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")
