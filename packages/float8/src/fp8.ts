import {
  CapabilityError,
  type DefinedQuantizer,
  defineQuantizer,
  skip,
  unknownKeysRemark,
  type WeightInfo,
} from '@hfquant/core'
import { WEIGHT } from './layout.js'
import { madeFormat, SCALE } from './made-format.js'
import { recoverBlock } from './recover-block.js'
import { type Float8Settings, formatSettings, readSettings } from './settings.js'
import { storedFormat } from './stored-format.js'

/** `quant_method` "fp8": weights of eight-bit floats with a scale for each block, as of DeepSeek V3, or for each weight. */
export const fp8: DefinedQuantizer<Float8Settings> = defineQuantizer<Float8Settings>({
  specVersion: 2,
  revision: 1,
  quantMethod: 'fp8',
  config: {
    parse: readSettings,
    format: formatSettings,
    loading: ['dequantize'],
    recipe: ['weight_block_size', 'fmt'],
    warnings: ({ others, dequantize }) => [
      ...(dequantize
        ? ["dequantize changes nothing: compute: 'exact' computes with the restored weights"]
        : []),
      ...unknownKeysRemark(others),
    ],
  },
  select: (settings) => ({
    keep: settings.modulesToNotConvert,
    record: ({ kept }) => ({ ...settings, modulesToNotConvert: kept }),
  }),
  formatFor(weight, settings, { preQuantized, stored }) {
    if (preQuantized) {
      const codeDtype = settings.fmt === 'e4m3' ? 'float8_e4m3fn' : 'float8_e5m2'
      return storedFormat(weight, stored!, { codeDtype, block: settings.weightBlockSize })
    }
    if (weight.stacked && weight.hasBias)
      return skip('is an expert with a bias, which Python reads in float only')
    return madeFormat(weight, blockToMake(weight, settings))
  },
  files: {
    stacked: [WEIGHT, SCALE],
    recover(headers) {
      const block = recoverBlock(headers)
      return block === undefined ? undefined : readSettings({ weight_block_size: block })
    },
  },
})

/** @throws CapabilityError for what can be read and not made. */
function blockToMake(
  { path, inFeatures, outFeatures, stacked }: WeightInfo,
  { weightBlockSize, activationScheme, fmt, scaleFmt }: Float8Settings,
): readonly [number, number] {
  const refused = [
    ...(weightBlockSize === null ? ['weight_block_size'] : []),
    ...(activationScheme === 'static' ? ['activation_scheme'] : []),
    ...(fmt === 'e5m2' ? ['fmt'] : []),
    ...(scaleFmt === 'ue8m0' ? ['scale_fmt'] : []),
  ]
  const [field] = refused
  if (field !== undefined) {
    throw new CapabilityError('FORMAT_LOAD_ONLY', `fp8 with this ${field} can be loaded, but not made`, {
      field,
      hint: 'What is made has blocks, dynamic activations, e4m3 and scales of any size.',
    })
  }
  const [rows, columns] = weightBlockSize!
  const hint =
    'Choose smaller blocks, or name the module in modulesToNotConvert: servers refuse such a matrix.'
  if (inFeatures % columns !== 0) {
    throw new CapabilityError(
      'BLOCK_INDIVISIBLE',
      `${path} has ${inFeatures} input features, no multiple of the ${columns} columns of a block`,
      {
        ...{ module: path, field: 'weight_block_size', found: inFeatures },
        ...{ expected: `a multiple of ${columns}`, hint },
      },
    )
  }
  // transformers keeps two rows of scales at least where it has gate and up projections of experts in one tensor.
  if (stacked && outFeatures <= rows) {
    throw new CapabilityError(
      'BLOCK_INDIVISIBLE',
      `${path} has ${outFeatures} output features, all of them within the ${rows} rows of a block`,
      {
        ...{ module: path, field: 'weight_block_size', found: outFeatures },
        ...{ expected: `more than ${rows}`, hint },
      },
    )
  }
  return weightBlockSize!
}
