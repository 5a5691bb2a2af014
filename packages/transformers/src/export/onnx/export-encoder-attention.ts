import type { GraphValue } from '@hfquant/core'
import type { AttendCall, LayerOps } from '@hfquant/models'
import { convert } from '@hfquant/onnx'
import { createRotation } from '../../lower/rotary-tables.js'
import { windowBias } from '../../lower/window-bias.js'
import type { ExportRequest } from './export-ops.js'
import { floatConstant } from './float-constant.js'
import type { PaddedTexts } from './padded-texts.js'

/**
 * Attention of tokens to all tokens of their text. Padding, on whichever side, is hidden by a bias: the operator knows
 * masks as well, but not on every device.
 */
export function exportEncoderAttention(
  { graph, facts, float }: ExportRequest,
  texts: PaddedTexts,
): Pick<LayerOps, 'attend' | 'rotate'> {
  const biasOf = ({ bias, window, query, key }: AttendCall): GraphValue => {
    const { length } = texts
    const near = window && convert(graph, windowBias(graph, window, length()), 'float32', float)
    const added = [bias?.({ query, key: key!, length: length() }), near || undefined]
    const ofPairs = added.filter((one) => one !== undefined)
    // Whatever is added to it gives the bias of padding [B, 1, 1, S] the rows of queries.
    if (ofPairs.length === 0) return texts.hiddenPairs()
    return ofPairs.reduce((sum, one) => graph.node('Add', [sum, one]), texts.hiddenKeys())
  }
  return {
    rotate: createRotation({
      ...{ graph, maxPositions: facts.maxPositions },
      constant: (table) => floatConstant(graph, table, float),
      rowsOf: texts.positions,
    }),
    attend(call) {
      const { query, key, value, heads, scale } = call
      return graph.node('MultiHeadAttention', [query, key, value, undefined, undefined, biasOf(call)], {
        domain: 'com.microsoft',
        attributes: {
          num_heads: { int: heads.count },
          ...(scale !== undefined && { scale: { float: scale } }),
        },
      })
    },
  }
}
