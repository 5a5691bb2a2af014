import type { JsonObject } from '@hfquant/core'

const int = (bits: number, rest: JsonObject): JsonObject => ({ num_bits: bits, type: 'int', ...rest })
const float = (bits: number, rest: JsonObject): JsonObject => ({ num_bits: bits, type: 'float', ...rest })
const GROUPS: JsonObject = { strategy: 'group', group_size: 128 }
const CHANNELS: JsonObject = { strategy: 'channel' }
const TOKENS: JsonObject = { strategy: 'token', dynamic: true }

const NVFP4: JsonObject = {
  ...float(4, { strategy: 'tensor_group', group_size: 16 }),
  ...{ scale_dtype: 'torch.float8_e4m3fn', zp_dtype: 'torch.float8_e4m3fn' },
}
const MX: JsonObject = {
  strategy: 'group',
  group_size: 32,
  scale_dtype: 'torch.uint8',
  zp_dtype: 'torch.uint8',
}

const scheme = (weights: JsonObject, activations: JsonObject | null = null): JsonObject => ({
  weights,
  input_activations: activations,
})

const W8A8 = scheme(int(8, CHANNELS), int(8, TOKENS))

/** Widths that there are presets of with activations in float, in int8 and in int4. */
const WIDTHS = [2, 3, 4, 5, 6, 7, 8]

/** Schemes by the names of the library, which a config may hold in place of them: `{ "W4A16": ["Linear"] }`. */
export const PRESETS: ReadonlyMap<string, JsonObject> = new Map([
  ['UNQUANTIZED', {}],
  ...WIDTHS.flatMap((bits): [string, JsonObject][] => [
    [`W${bits}A16`, scheme(int(bits, GROUPS))],
    [`W${bits}A8`, scheme(int(bits, GROUPS), int(8, TOKENS))],
    [`W${bits}A4`, scheme(int(bits, GROUPS), int(4, TOKENS))],
  ]),
  ['W4A16_ASYM', scheme(int(4, { ...GROUPS, symmetric: false }))],
  ['W4AFP8', scheme(int(4, GROUPS), float(8, TOKENS))],
  ['W8A8', W8A8],
  ['INT8', W8A8],
  ['FP8', scheme(float(8, { strategy: 'tensor' }), float(8, { strategy: 'tensor' }))],
  ['FP8_DYNAMIC', scheme(float(8, CHANNELS), float(8, TOKENS))],
  [
    'FP8_BLOCK',
    scheme(
      float(8, { strategy: 'block', block_structure: [128, 128] }),
      float(8, { strategy: 'group', group_size: 128, dynamic: true }),
    ),
  ],
  ['NVFP4A16', scheme(NVFP4)],
  ['NVFP4', scheme(NVFP4, { ...NVFP4, dynamic: 'local' })],
  ['MXFP4A16', scheme(float(4, MX))],
  ['MXFP4', scheme(float(4, MX), float(4, { ...MX, dynamic: true }))],
  ['MXFP8A16', scheme(float(8, MX))],
  ['MXFP8', scheme(float(8, MX), float(8, { ...MX, dynamic: true }))],
])
