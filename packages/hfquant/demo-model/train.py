"""Train a tiny Llama-architecture language model on a text file and write it in Hugging Face layout.

Needs only PyTorch >= 1.13 and NumPy (CPU). The text comes from the story generator of the package
(src/demo/stories.ts); seed 1 was used for training, seed 2 is for evaluation, seed 3 for calibration:
  node --input-type=module -e "import { storyText } from 'hfquant/demo'; process.stdout.write(storyText({ seed: 1, stories: 80000 }))" > stories.txt
  node --input-type=module -e "import { storyText } from 'hfquant/demo'; process.stdout.write(storyText({ seed: 2, stories: 1000 }))" > eval.txt
  python3 train.py --text stories.txt --eval eval.txt --out model --vocab 1024 --hidden 256 --layers 4 --heads 8 --kv-heads 4 --inter 768 --steps 12000 --minutes 55 --threads 2
Writes config.json, generation_config.json, tokenizer.json, tokenizer_config.json, model.safetensors (bfloat16), train_log.json.
"""
import argparse, collections, json, math, os, re, struct, time
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F

p = argparse.ArgumentParser()
p.add_argument('--text', required=True); p.add_argument('--eval'); p.add_argument('--out', required=True)
p.add_argument('--vocab', type=int, default=1024); p.add_argument('--hidden', type=int, default=256); p.add_argument('--layers', type=int, default=4)
p.add_argument('--heads', type=int, default=8); p.add_argument('--kv-heads', type=int, default=4); p.add_argument('--inter', type=int, default=768)
p.add_argument('--seq', type=int, default=256); p.add_argument('--batch', type=int, default=16); p.add_argument('--steps', type=int, default=3000)
p.add_argument('--lr', type=float, default=2e-3); p.add_argument('--tie', type=int, default=1); p.add_argument('--minutes', type=float, default=1e9)
p.add_argument('--threads', type=int, default=1)
A = p.parse_args()
torch.manual_seed(0); torch.set_num_threads(A.threads); os.makedirs(A.out, exist_ok=True)

# ---- byte-level BPE: GPT-2 byte alphabet; on the training text, which has no contractions and no runs of spaces, PRE splits as the GPT-2 pattern does ----
def byte_alphabet():
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    chars, n = list(keep), 0
    for b in range(256):
        if b not in keep: keep.append(b); chars.append(256 + n); n += 1
    return {b: chr(c) for b, c in zip(keep, chars)}
B2U = byte_alphabet()
PRE = re.compile(r" ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+")
text = open(A.text, encoding='utf-8').read()
words = collections.Counter(PRE.findall(text))
corpus = {tuple(B2U[b] for b in w.encode()): c for w, c in words.items()}
special = ['<s>', '</s>']
vocab = special + [B2U[b] for b in range(256)]
merges = []
pairs = collections.Counter(); where = collections.defaultdict(set)
seqs = [list(k) for k in corpus]; counts = list(corpus.values())
for i, s in enumerate(seqs):
    for x in zip(s, s[1:]): pairs[x] += counts[i]; where[x].add(i)
while len(vocab) < A.vocab and pairs:
    best = max(pairs.items(), key=lambda kv: (kv[1], kv[0]))[0]
    if pairs[best] < 2: break
    merges.append(best); new = best[0] + best[1]; vocab.append(new)
    for i in list(where[best]):
        s = seqs[i]; c = counts[i]
        for x in zip(s, s[1:]): pairs[x] -= c
        j, out = 0, []
        while j < len(s):
            if j + 1 < len(s) and (s[j], s[j + 1]) == best: out.append(new); j += 2
            else: out.append(s[j]); j += 1
        seqs[i] = out
        for x in zip(out, out[1:]): pairs[x] += c; where[x].add(i)
    del pairs[best]
ids = {t: i for i, t in enumerate(vocab)}
V = A.vocab
final = {w: [ids[t] for t in s] for w, s in zip(corpus, seqs)}
rank = {m: i for i, m in enumerate(merges)}
def bpe(w):
    k = tuple(B2U[b] for b in w.encode())
    if k in final: return final[k]
    s = list(k)
    while len(s) > 1:
        r = min(((rank.get(x, 1 << 30), n) for n, x in enumerate(zip(s, s[1:]))))
        if r[0] == 1 << 30: break
        s[r[1]:r[1] + 2] = [s[r[1]] + s[r[1] + 1]]
    final[k] = [ids[t] for t in s]
    return final[k]
def encode(t): return [i for w in PRE.findall(t) for i in bpe(w)]
tok = {"version": "1.0", "truncation": None, "padding": None,
       "added_tokens": [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True} for i, t in enumerate(special)],
       "normalizer": None,
       "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
       "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                          "pair": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                          "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}},
       "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
       "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                 "ignore_merges": False, "vocab": ids, "merges": [list(m) for m in merges]}}
json.dump(tok, open(f'{A.out}/tokenizer.json', 'w'), ensure_ascii=False)
json.dump({"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "model_max_length": 512, "clean_up_tokenization_spaces": False}, open(f'{A.out}/tokenizer_config.json', 'w'), indent=2)

def stream(t):  # every paragraph is one document: <s> text </s>
    out = []
    for doc in t.split('\n\n'):
        if doc.strip(): out += [0] + encode(doc.strip()) + [1]
    return torch.tensor(out, dtype=torch.long)
data = stream(text); ev = stream(open(A.eval, encoding='utf-8').read()) if A.eval else data[:20000]
print('vocab', len(vocab), 'train tokens', len(data), 'eval tokens', len(ev), flush=True)

H, D = A.hidden, A.hidden // A.heads
class RMS(nn.Module):
    def __init__(s): super().__init__(); s.weight = nn.Parameter(torch.ones(H))
    def forward(s, x): return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * s.weight
def rope(x, cos, sin):
    h = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., h:], x[..., :h]], -1) * sin
class Attn(nn.Module):
    def __init__(s):
        super().__init__()
        s.q_proj = nn.Linear(H, A.heads * D, bias=False); s.k_proj = nn.Linear(H, A.kv_heads * D, bias=False)
        s.v_proj = nn.Linear(H, A.kv_heads * D, bias=False); s.o_proj = nn.Linear(A.heads * D, H, bias=False)
    def forward(s, x, cos, sin, mask):
        B, T, _ = x.shape
        q = rope(s.q_proj(x).view(B, T, A.heads, D).transpose(1, 2), cos, sin)
        k = rope(s.k_proj(x).view(B, T, A.kv_heads, D).transpose(1, 2), cos, sin)
        v = s.v_proj(x).view(B, T, A.kv_heads, D).transpose(1, 2)
        g = A.heads // A.kv_heads
        k, v = k.repeat_interleave(g, 1), v.repeat_interleave(g, 1)
        a = (q @ k.transpose(-1, -2) / math.sqrt(D) + mask).softmax(-1)
        return s.o_proj((a @ v).transpose(1, 2).reshape(B, T, -1))
class MLP(nn.Module):
    def __init__(s):
        super().__init__()
        s.gate_proj = nn.Linear(H, A.inter, bias=False); s.up_proj = nn.Linear(H, A.inter, bias=False); s.down_proj = nn.Linear(A.inter, H, bias=False)
    def forward(s, x): return s.down_proj(F.silu(s.gate_proj(x)) * s.up_proj(x))
class Block(nn.Module):
    def __init__(s):
        super().__init__(); s.self_attn = Attn(); s.mlp = MLP(); s.input_layernorm = RMS(); s.post_attention_layernorm = RMS()
    def forward(s, x, *a):
        x = x + s.self_attn(s.input_layernorm(x), *a)
        return x + s.mlp(s.post_attention_layernorm(x))
class Inner(nn.Module):
    def __init__(s):
        super().__init__(); s.embed_tokens = nn.Embedding(V, H); s.layers = nn.ModuleList(Block() for _ in range(A.layers)); s.norm = RMS()
class LM(nn.Module):
    def __init__(s):
        super().__init__(); s.model = Inner(); s.lm_head = nn.Linear(H, V, bias=False)
        for m in s.modules():
            if isinstance(m, (nn.Linear, nn.Embedding)): nn.init.normal_(m.weight, std=0.02)
        if A.tie: s.lm_head.weight = s.model.embed_tokens.weight
        inv = 1.0 / 10000 ** (torch.arange(0, D, 2).float() / D); t = torch.arange(2048).float()[:, None] * inv
        s.cos, s.sin = torch.cat([t, t], -1).cos(), torch.cat([t, t], -1).sin()
    def forward(s, ids):
        T = ids.shape[1]; mask = torch.full((T, T), -1e9).triu(1)
        x = s.model.embed_tokens(ids)
        for b in s.model.layers: x = b(x, s.cos[:T], s.sin[:T], mask)
        return s.lm_head(s.model.norm(x))
m = LM(); n = sum(x.numel() for x in m.parameters()); print('params', n, flush=True)
decay = [x for x in m.parameters() if x.dim() > 1]; rest = [x for x in m.parameters() if x.dim() == 1]
opt = torch.optim.AdamW([{'params': decay, 'weight_decay': 0.1}, {'params': rest, 'weight_decay': 0.0}], lr=A.lr, betas=(0.9, 0.95))
def evaluate():
    m.eval(); tot = cnt = 0
    with torch.no_grad():
        for i in range(0, min(len(ev), 40000) - A.seq - 1, A.seq):
            x = ev[i:i + A.seq + 1][None]; l = F.cross_entropy(m(x[:, :-1])[0], x[0, 1:], reduction='sum'); tot += l.item(); cnt += A.seq
    m.train(); return tot / cnt
def save(step, loss):
    def bf16(t): u = t.detach().contiguous().numpy().view(np.uint32); return ((u + 0x7fff + ((u >> 16) & 1)) >> 16).astype(np.uint16)
    sd = {k: v for k, v in m.state_dict().items() if not (A.tie and k == 'lm_head.weight')}
    hdr, off = {'__metadata__': {'format': 'pt'}}, 0
    for k, v in sd.items(): hdr[k] = {'dtype': 'BF16', 'shape': list(v.shape), 'data_offsets': [off, off + v.numel() * 2]}; off += v.numel() * 2
    h = json.dumps(hdr).encode(); h += b' ' * (-len(h) % 8)
    with open(f'{A.out}/model.safetensors', 'wb') as f:
        f.write(struct.pack('<Q', len(h)) + h)
        for v in sd.values(): f.write(bf16(v).tobytes())
    json.dump({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": H, "intermediate_size": A.inter, "num_hidden_layers": A.layers,
               "num_attention_heads": A.heads, "num_key_value_heads": A.kv_heads, "head_dim": D, "hidden_act": "silu", "max_position_embeddings": 512, "vocab_size": V,
               "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": bool(A.tie), "bos_token_id": 0, "eos_token_id": 1,
               "torch_dtype": "bfloat16"}, open(f'{A.out}/config.json', 'w'), indent=2)
    json.dump({"bos_token_id": 0, "eos_token_id": 1, "max_new_tokens": 200}, open(f'{A.out}/generation_config.json', 'w'), indent=2)
    json.dump({"step": step, "parameters": n, "eval_loss": loss, "train_tokens_seen": step * A.batch * A.seq, "args": vars(A) | {"text": os.path.basename(A.text), "eval": os.path.basename(A.eval or ''), "out": ""}}, open(f'{A.out}/train_log.json', 'w'), indent=2)
t0 = time.time(); run = None; step = 0
while step < A.steps:
    frac = max(step / A.steps, (time.time() - t0) / 60 / A.minutes)
    if frac >= 1: break
    lr = A.lr * min(1, (step + 1) / 100) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * frac)))
    for g in opt.param_groups: g['lr'] = lr
    ix = torch.randint(0, len(data) - A.seq - 1, (A.batch,))
    x = torch.stack([data[i:i + A.seq + 1] for i in ix])
    loss = F.cross_entropy(m(x[:, :-1]).reshape(-1, V), x[:, 1:].reshape(-1))
    opt.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_(m.parameters(), 1.0); opt.step(); step += 1
    run = loss.item() if run is None else 0.98 * run + 0.02 * loss.item()
    if step % 50 == 0: print(step, round(run, 4), f'{step * A.batch * A.seq / (time.time() - t0):.0f} tok/s', f'{(time.time() - t0) / 60:.1f} min', flush=True)
    if step % 250 == 0: e = evaluate(); save(step, e); print('eval', round(e, 4), flush=True)
e = evaluate(); save(step, e); print('done', step, 'eval', e, flush=True)
