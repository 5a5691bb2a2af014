"""Writes processors.json: logits as the logits processors of the Python transformers leave them.

Run in this folder: pip install torch transformers && python make.py
"""

import json
from pathlib import Path

import torch
import transformers
from transformers.generation.logits_process import (
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
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

out = {"source": f"transformers {transformers.__version__}, torch {torch.__version__}", "cases": cases}
(Path(__file__).parent / "processors.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")
