/** Families that are known and cannot be computed, by the beginning of their names, and why. */
const LEFT_OUT: readonly (readonly [RegExp, string])[] = [
  [/^lfm2/i, 'its short convolutions keep a state'],
  [/^(qwen3_?next|qwen3_?5|kimi_?linear|olmo_?hybrid)/i, 'its linear attention keeps a state'],
  [/^(falcon_?)?mamba|^(jamba|zamba2?|bamba|nemotron_?h|falcon_?h1)/i, 'its layers are state-space models'],
  [/^(recurrent_?gemma|rwkv)/i, 'its layers are recurrent'],
  [/^llama4/i, 'its attention works in chunks'],
  [/^(deepseek_?v(32|4)|glm_?moe_?dsa)/i, 'its attention is sparse, with an indexer'],
  [/^gemma3n/i, 'its updates alternate between several streams'],
  [/^(t5|mt5|umt5|bart|mbart|marian|whisper|pegasus|led)/i, 'it has an encoder and cross attention'],
]

/** Why a family is left out; undefined for one of which nothing is known. */
export function reasonsLeftOut(names: readonly string[], modelType: unknown): string | undefined {
  const asked = [...names, ...(typeof modelType === 'string' ? [modelType] : [])]
  return LEFT_OUT.find(([pattern]) => asked.some((name) => pattern.test(name)))?.[1]
}
