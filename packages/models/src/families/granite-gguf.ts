import type { DecoderGguf } from '../decoder/gguf-of-decoder.js'

/** How llama.cpp knows Granite without experts. */
export const GRANITE_GGUF: DecoderGguf = {
  architecture: 'granite',
  turnsNeighbours: true,
  splitsGate: true,
  biases: 'optional',
  ropeFactors: ['llama3', 'longrope'],
  metadata: ({ layers: [layer], input, output, residual }) => ({
    'attention.scale': { f32: layer!.attention.scale! },
    embedding_scale: { f32: input.scale! },
    residual_scale: { f32: residual.multiplier! },
    logit_scale: { f32: 1 / output.scale! },
    // By this key llama.cpp tells Granite without rotary positions.
    'rope.scaling.finetuned': { bool: layer!.attention.rope !== undefined },
  }),
}

/** The same with experts, which alone or beside an MLP stand in every layer. */
export const GRANITE_MOE_GGUF: DecoderGguf = {
  ...GRANITE_GGUF,
  architecture: 'granitemoe',
  refuses: ({ layers: [layer] }) =>
    layer!.attention.rope === undefined ? 'its layers have no rotary positions' : undefined,
}
