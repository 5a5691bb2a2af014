"""Makes tiny-persimmon beside this script: a random checkpoint, and what the Python library computes with it."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import PersimmonConfig, PersimmonForCausalLM

folder = Path(__file__).parent / "tiny-persimmon"
torch.manual_seed(7)
config = PersimmonConfig(
    vocab_size=96, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
    max_position_embeddings=128, layer_norm_eps=2e-3, initializer_range=0.1, bos_token_id=0, eos_token_id=1,
    rope_parameters={"rope_type": "default", "rope_theta": 25000.0, "partial_rotary_factor": 0.5},
)
config._attn_implementation = "eager"
model = PersimmonForCausalLM(config).eval().float()
with torch.no_grad():
    for name, parameter in model.named_parameters():
        # Fresh norms are 1 and fresh biases 0: no test would notice one that is left out.
        if parameter.dim() == 1:
            parameter.copy_((0 if name.endswith("bias") else 1) + 0.2 * torch.randn_like(parameter))
    input_ids = torch.randint(0, 96, (2, 24))
    logits = model(input_ids=input_ids).logits
    greedy = input_ids[:1, :8]
    for _ in range(16):
        following = model(input_ids=greedy).logits[:, -1].argmax(-1, keepdim=True)
        greedy = torch.cat([greedy, following], 1)
model.save_pretrained(folder)
save_file(
    {"input_ids": input_ids, "logits": logits.contiguous(), "greedy": greedy[0].contiguous()},
    folder / "expected.safetensors",
)
