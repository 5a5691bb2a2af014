/** Names of a decoder graph's inputs and outputs. `B` sequences, `S` new tokens, `P` cached positions, `R` rows. */
export const DECODER = {
  inputIds: 'input_ids', // int64 [B, S]
  positionIds: 'position_ids', // int64 [B, S]
  lastPosition: 'seqlens_k', // int32 [B]: tokens of the sequence, the new ones included, minus one
  totalLength: 'total_sequence_length', // int32 []
  // The same two for layers with a window, whose caches begin with the first token that is kept.
  windowLast: (window: number) => `seqlens_k.window_${window}`,
  windowTotal: (window: number) => `total_sequence_length.window_${window}`,
  longSequence: 'long_sequence', // int64 [B, 1]: 1 for a sequence that is longer than the model was trained for, else 0
  readsPrompt: 'reads_prompt', // bool []: whether the new tokens are those of a prompt, or one or a few that follow one
  logitsRows: 'logits_rows', // int64 [R]: new tokens whose logits are wanted
  pastKey: (layer: number) => `past_key_values.${layer}.key`, // float32 or float16 [B, heads, P, headSize]
  pastValue: (layer: number) => `past_key_values.${layer}.value`,
  logits: 'logits', // float32 [B, R, vocabulary]
  // Of a graph whose tokens stand in one column, in place of the others: ids are [rows, 1], and logits [R, 1, vocabulary].
  attendedRows: 'attended_rows', // int64 [B, S, 2]: the row of each token, and 0
  pairedTokens: 'paired_tokens', // int64 [rows, 1, 2]: sequence and token of each row
  pairedLogits: 'paired_logits_rows', // int64 [R], an even number, for a head that pairs rows
  newKey: (layer: number) => `new.${layer}.key`, // of the same dtype [B, S, heads * headSize]
  newValue: (layer: number) => `new.${layer}.value`,
} as const

/**
 * Names of an encoder graph's inputs beyond those it has in common with a decoder whose tokens stand in one column: ids,
 * `attended_rows`, `paired_tokens`, `position_ids`, and the lengths of the texts, `seqlens_k` and
 * `total_sequence_length`.
 */
export const ENCODER = {
  tokenTypes: 'token_type_ids', // int64, as the ids stand
} as const
