/**
 * The names under which an entry of `architectures` is looked up: as it is; without what training wrappers put before it;
 * the class with a head for a base class, whose files lack the head's tensors; and the spelling of 2023, LLaMA.
 */
export function spellingsOf(name: string): readonly string[] {
  const plain = name.replace(/^(FSDP|DDP|DeepSpeed|Peft|Flax|TF)(?=[A-Z])/, '').replace(/^LLaMA/, 'Llama')
  const base = plain.replace(/Model$/, '')
  return [...new Set([name, plain, ...(base === plain ? [] : [`${base}ForCausalLM`, `${base}LMHeadModel`])])]
}
