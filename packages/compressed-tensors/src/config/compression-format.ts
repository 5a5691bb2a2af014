import { CapabilityError, type JsonObject, oneOf, readString } from '@hfquant/core'

/** How the codes of a module, or of all modules of a file, are stored. */
export type CompressionFormat = (typeof FORMATS)[number]

const FORMATS = [
  ...([
    'dense',
    'fakequant',
    'pack-quantized',
    'int-quantized',
    'float-quantized',
    'naive-quantized',
  ] as const),
  ...(['nvfp4-pack-quantized', 'mxfp4-pack-quantized', 'mxfp8-quantized', 'mixed-precision'] as const),
]

/** Half of the weights left out; there is no product for it here. */
const SPARSE = ['marlin-24', 'sparse-bitmask', 'sparse-24-bitmask']

/** @throws ConfigError for a format that is unknown; CapabilityError FORMAT_UNSUPPORTED for a sparse one. */
export function checkFormat<Default extends CompressionFormat | null>(
  json: JsonObject,
  fallback: Default,
): CompressionFormat | Default {
  if (json.format == null) return fallback
  const format = readString(json, 'format', '')
  if (!SPARSE.includes(format)) return oneOf(format, FORMATS, 'format')
  throw new CapabilityError(
    'FORMAT_UNSUPPORTED',
    `format "${format}" leaves out weights, which is not read`,
    {
      ...{ field: 'format', found: format, expected: FORMATS },
      hint: 'Take a checkpoint of the same model in "pack-quantized" or "int-quantized".',
    },
  )
}
