/** Names of a decoder graph's inputs and outputs. `B` sequences, `S` new tokens, `P` cached positions, `R` rows. */
export const DECODER = {
  inputIds: 'input_ids', // int64 [B, S]
  positionIds: 'position_ids', // int64 [B, S]
  lastPosition: 'seqlens_k', // int32 [B]: tokens of the sequence, the new ones included, minus one
  totalLength: 'total_sequence_length', // int32 []
  logitsRows: 'logits_rows', // int64 [R]: new tokens whose logits are wanted
  pastKey: (layer: number) => `past_key_values.${layer}.key`, // float32 or float16 [B, heads, P, headSize]
  pastValue: (layer: number) => `past_key_values.${layer}.value`,
  logits: 'logits', // float32 [B, R, vocabulary]
  newKey: (layer: number) => `new.${layer}.key`, // of the same dtype [B, S, heads * headSize]
  newValue: (layer: number) => `new.${layer}.value`,
} as const
