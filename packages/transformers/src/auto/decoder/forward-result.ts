/** Logits of a forward pass: row-major, shape [batch, sequence, vocabulary]. */
export interface ForwardResult {
  readonly logits: Float32Array
  readonly shape: readonly [batch: number, sequence: number, vocabulary: number]
}
