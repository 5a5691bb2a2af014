import type { GraphAttribute, GraphBuilder, GraphValue } from '@hfquant/core'
import type { AttendCall, Heads } from '@hfquant/models'

/** What the runtime's GroupQueryAttention is told of a layer, beyond its defaults. */
export function attentionAttributes({
  heads,
  kvHeads,
  scale,
  window,
  softCap,
}: AttendCall): Readonly<Record<string, GraphAttribute>> {
  // It would take the scale from the padded size of a head.
  const isPadded = paddedSize(heads.size) !== heads.size
  const given = scale ?? (isPadded ? heads.size ** -0.5 : undefined)
  return {
    num_heads: { int: heads.count },
    kv_num_heads: { int: kvHeads },
    ...(given !== undefined && { scale: { float: given } }),
    ...(window !== undefined && { local_window_size: { int: window } }),
    ...(softCap !== undefined && { softcap: { float: softCap } }),
  }
}

/** Its inputs behind the two lengths: tables of rotation and positions, which are never given, what is added, and sinks. */
export function optionalInputs(
  bias: GraphValue | undefined,
  sinks: GraphValue | undefined,
): readonly (GraphValue | undefined)[] {
  if (sinks !== undefined) return [undefined, undefined, undefined, bias, sinks]
  return bias === undefined ? [] : [undefined, undefined, undefined, bias]
}

/** The operator takes heads whose size is a multiple of 8; a cache keeps them as it takes them. */
export const paddedSize = (size: number): number => Math.ceil(size / 8) * 8

/** Heads of any size, made wider with zeros, which add nothing to a product, and narrow again. */
export function withPaddedHeads(graph: GraphBuilder, { size }: Heads) {
  const padded = paddedSize(size)
  const reshape = (value: GraphValue, shape: readonly number[]) =>
    graph.node('Reshape', [value, graph.literal('int64', [shape.length], shape)])
  const isFit = padded === size
  return {
    size: padded,
    /** [B, S, count · size] to [B, S, count · padded] */
    widen(value: GraphValue, count: number): GraphValue {
      if (isFit) return value
      const pads = graph.literal('int64', [8], [0, 0, 0, 0, 0, 0, 0, padded - size])
      const wide = graph.node('Pad', [reshape(value, [0, 0, count, size]), pads])
      return reshape(wide, [0, 0, count * padded])
    },
    narrow(value: GraphValue, count: number): GraphValue {
      if (isFit) return value
      const parts = graph.literal('int64', [2], [size, padded - size])
      const [kept] = graph.nodes('Split', [reshape(value, [0, 0, count, padded]), parts], 2, {
        attributes: { axis: { int: -1 } },
      })
      return reshape(kept!, [0, 0, count * size])
    },
  }
}
