/**
 * What the runtime leaves alone when it optimizes a graph. A sum with a layer norm behind it would become one operator,
 * which computes number by number; apart, both are vectorized, and take a tenth of the time.
 */
export const OPTIMIZATION = { optimization: { disable_specified_optimizers: 'SkipLayerNormFusion' } }
