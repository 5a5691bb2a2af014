import {
  type DefinedQuantizer,
  defineQuantizer,
  skip,
  unknownKeysRemark,
  type WeightInfo,
} from '@hfquant/core'
import { BLOCK_SIZE, BLOCKS, SCALES } from './layout.js'
import { mxfp4Format } from './mxfp4-format.js'
import { refuseOriginalName } from './original-names.js'
import { formatSettings, type Mxfp4Settings, NOT_CONVERTED, readSettings, skipEntries } from './settings.js'
import { checkStored } from './stored-weight.js'

/** `quant_method` "mxfp4": experts of gpt-oss in the MXFP4 format of the Open Compute Project, as they are on the hub. */
export const mxfp4: DefinedQuantizer<Mxfp4Settings> = defineQuantizer<Mxfp4Settings>({
  specVersion: 2,
  revision: 1,
  quantMethod: 'mxfp4',
  config: {
    parse: readSettings,
    format: formatSettings,
    loading: ['dequantize'],
    warnings: ({ others, dequantize }) => [
      ...(dequantize
        ? ["dequantize changes nothing: compute: 'exact' computes with the restored weights"]
        : []),
      ...unknownKeysRemark(others),
    ],
  },
  select: (settings) => ({
    keep: skipEntries(settings),
    // The list in a file says what Python leaves alone; it is of experts only that a part of it matters.
    record: () => ({
      ...settings,
      modulesToNotConvert: settings.modulesToNotConvert ?? NOT_CONVERTED,
    }),
  }),
  async formatFor(weight, _settings, { preQuantized, stored }) {
    if (preQuantized) return (await checkStored(weight, stored!)) ? mxfp4Format : skip('is stored in float')
    if (!isExpert(weight)) return skip('is no expert of gpt-oss, and nothing else is read in MXFP4')
    return weight.inFeatures % BLOCK_SIZE === 0
      ? mxfp4Format
      : skip(`has ${weight.inFeatures} input features, no multiple of ${BLOCK_SIZE}`)
  },
  files: {
    stacked: [BLOCKS, SCALES],
    name: refuseOriginalName,
    recover: ({ tensors }) =>
      [...tensors.keys()].some((name) => /\.experts\.\w+_blocks$/.test(name))
        ? readSettings({ modules_to_not_convert: NOT_CONVERTED })
        : undefined,
  },
})

/** The two weights of an expert that Python's library makes and reads; no other architecture keeps experts under these names. */
const isExpert = ({ path, stacked }: WeightInfo): boolean =>
  stacked === true && /\.mlp\.experts\.\d+\.(gate_up_proj|down_proj)$/.test(path)
