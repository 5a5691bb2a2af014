import { type GraphValue, Linear, type Module, QuantizedModule, type Shell } from '@hfquant/core'
import { type LoweringContext, lower, lowerInEightBits } from '@hfquant/onnx'

/**
 * Logits [B, R, vocabulary] of hidden states [B, R, D].
 *
 * Methods leave the head in float. In float32 it would be the largest thing that is read for every token: with 32000
 * tokens it is half as large as all layers of a 4-bit model of a billion parameters. In `fast`, the head of a
 * quantized model is therefore multiplied in 8 bits, which loses far less than the layers have lost; the checkpoint
 * keeps it as it is. The head of a float model stays in float.
 */
export function lowerHead(shell: Shell, hidden: GraphValue, context: LoweringContext): GraphValue {
  const path = shell.outputEmbedding
  const head = path.split('.').reduce((parent: Module, name) => parent.children.get(name)!, shell.root)
  const fast =
    context.compute === 'fast' && head instanceof Linear && isQuantized(shell.root)
      ? lowerInEightBits(head, path, hidden, context)
      : undefined
  return fast ?? lower(head, path, hidden, context)
}

const isQuantized = (module: Module): boolean =>
  module instanceof QuantizedModule || [...module.children.values()].some(isQuantized)
