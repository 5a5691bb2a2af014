import { type DefinedQuantizer, defineQuantizer, type JsonObject, skip, storedTensors } from '@hfquant/core'
import type { Checkpoint, MergedQuantization } from '@hfquant/core/runtime'
import { type GgufIntegerType, ggufBlockTypes, isIntegerType } from '@hfquant/gguf'
import { blockFormat } from './block-format.js'
import { blockRowBytes } from './block-rows.js'

const TYPES: readonly GgufIntegerType[] = ggufBlockTypes.filter(isIntegerType)

/** Weights in the blocks of a GGUF file. No checkpoint names this method: the file is what says it. */
const ggufBlocks: DefinedQuantizer<JsonObject> = defineQuantizer<JsonObject>({
  specVersion: 2,
  revision: 1,
  quantMethod: 'gguf',
  config: { parse: () => ({}), format: () => ({}) },
  formatFor(weight, _config, { stored }) {
    const type = TYPES.find((each) => stored?.tensors.has(each))
    if (stored === undefined || type === undefined) return skip('is stored in float')
    const tensors = storedTensors(weight, stored)
    const { name, file } = tensors.part(type)
    tensors.expect(type, ['uint8'], [weight.outFeatures, blockRowBytes(type, weight.inFeatures)])
    return blockFormat(type, { tensor: name, file })
  },
  files: { stacked: TYPES, savesFloats: true },
})

/** What a GGUF file with quantized tensors says of itself. */
export const ggufQuantization = (): MergedQuantization => ({
  method: ggufBlocks.quantMethod,
  backend: ggufBlocks,
  config: ggufBlocks.parseConfig({ quant_method: ggufBlocks.quantMethod }),
  ...{ preQuantized: true, foundIn: 'file', overridden: [], ignored: [] },
})

/** True for the tensors of a GGUF file that has quantized ones, and of which they are wanted as they are. */
export const holdsBlocks = ({ tensors }: Checkpoint): boolean =>
  [...tensors.keys()].some((name) => TYPES.some((type) => name.endsWith(`.${type}`)))
