"""Fine-tune a model for int8-dynamic-act-int4-weight: quantization-aware training with torchao's fake quantization.

The teacher is the float model itself: the student, which computes with fake-quantized weights and activations, learns the
teacher's distribution of the next token (Kullback-Leibler divergence), not the text anew. Only the linear layers that the
recipe quantizes are trained. What is written is an ordinary bfloat16 checkpoint; `hfquant quantize` converts it.

Needs PyTorch, torchao and transformers (CPU); stories.txt has the first 12000 stories of seed 1. Example:
  python3 train-qat.py --model demo-model --text stories.txt --out demo-model-qat
"""
import argparse, json, math, os, shutil, time
import torch, torch.nn.functional as F
from safetensors.torch import save_file
from torchao.quantization import quantize_
from torchao.quantization.qat import IntxFakeQuantizeConfig, QATConfig
from transformers import AutoModelForCausalLM, AutoTokenizer

p = argparse.ArgumentParser()
p.add_argument('--model', required=True); p.add_argument('--text', required=True); p.add_argument('--out', required=True)
p.add_argument('--steps', type=int, default=400); p.add_argument('--batch', type=int, default=8); p.add_argument('--seq', type=int, default=256)
p.add_argument('--lr', type=float, default=2e-5); p.add_argument('--threads', type=int, default=1)
A = p.parse_args()
torch.manual_seed(0); torch.set_num_threads(A.threads)

tokenizer = AutoTokenizer.from_pretrained(A.model)
bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
texts = [t.strip() for t in open(A.text, encoding='utf-8').read().split('\n\n') if t.strip()]
ids = tokenizer(texts, add_special_tokens=False).input_ids
data = torch.tensor([i for text in ids for i in [bos, *text, eos]])
held, data = data[:16 * A.seq], data[16 * A.seq:]
print('tokens', len(data), flush=True)

teacher = AutoModelForCausalLM.from_pretrained(A.model, dtype=torch.float32).eval()
student = AutoModelForCausalLM.from_pretrained(A.model, dtype=torch.float32)
activations = IntxFakeQuantizeConfig(torch.int8, 'per_token', is_symmetric=False)
# Scales have the dtype of the weights that are written.
weights = IntxFakeQuantizeConfig(torch.int4, group_size=32, is_symmetric=True, scale_precision=torch.bfloat16)
quantized = lambda module, name: isinstance(module, torch.nn.Linear) and name != 'lm_head'
quantize_(student, QATConfig(activation_config=activations, weight_config=weights, step='prepare'), filter_fn=quantized)
trained = [module.weight for name, module in student.named_modules() if quantized(module, name)]
for parameter in student.parameters(): parameter.requires_grad_(False)
for weight in trained: weight.requires_grad_(True)

def divergence(x):
    with torch.no_grad(): wanted = F.log_softmax(teacher(x).logits, -1)
    found = F.log_softmax(student(x).logits, -1)
    return F.kl_div(found, wanted, log_target=True, reduction='none').sum(-1).mean()

def evaluate():
    with torch.no_grad(): return divergence(held.view(16, A.seq)).item()

optimizer = torch.optim.AdamW(trained, lr=A.lr, betas=(0.9, 0.99), weight_decay=0.0)
log, start = [{'step': 0, 'kl': evaluate()}], time.time()
print(log[-1], flush=True)
for step in range(1, A.steps + 1):
    rate = A.lr * min(1, step / 20) * 0.5 * (1 + math.cos(math.pi * step / A.steps))
    for group in optimizer.param_groups: group['lr'] = rate
    at = torch.randint(0, len(data) - A.seq, (A.batch,))
    loss = divergence(torch.stack([data[i:i + A.seq] for i in at]))
    optimizer.zero_grad(); loss.backward(); optimizer.step()
    if step % 50 == 0 or step == A.steps:
        log.append({'step': step, 'kl': evaluate()})
        print(log[-1], f'{(time.time() - start) / step:.2f} s/step', flush=True)

os.makedirs(A.out, exist_ok=True)
state = {name: t.detach().to(torch.bfloat16).contiguous() for name, t in student.state_dict().items() if name != 'lm_head.weight'}
save_file(state, f'{A.out}/model.safetensors', metadata={'format': 'pt'})
for name in ('config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json'):
    shutil.copyfile(f'{A.model}/{name}', f'{A.out}/{name}')
settings = {k: v for k, v in vars(A).items() if k in ('steps', 'batch', 'seq', 'lr')}
json.dump({'recipe': 'int8-dynamic-act-int4-weight', 'settings': settings, 'kl': log}, open(f'{A.out}/train_log.json', 'w'), indent=2)
