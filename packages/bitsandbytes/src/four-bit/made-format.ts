import {
  CapabilityError,
  type Component,
  dtypeBits,
  type QuantizedFormat,
  type WeightInfo,
} from '@hfquant/core'
import { FOUR_BIT_CODES } from '@hfquant/kernels'
import type { BitsAndBytesSettings, StorageDtype } from '../settings.js'
import { fourBitFormat } from './four-bit-format.js'
import {
  ABS_MAX,
  blocksOf,
  type FourBitLayout,
  NESTED_ABS_MAX,
  NESTED_QUANT_MAP,
  packedBytes,
  packedShape,
  QUANT_MAP,
  stateKey,
  WEIGHT,
} from './layout.js'
import { NESTED_MAP, nestScales } from './nested-scales.js'
import { formatQuantState, NESTED_BLOCK_SIZE, type QuantState, quantStateLimit } from './quant-state.js'

/** The block size that transformers quantizes with; it has no option for another. */
const BLOCK_SIZE = 64

/** Scales before they are quantized themselves; not stored. */
const RAW_SCALES = 'scales'

/**
 * The format of a weight that is quantized while it loads.
 *
 * @throws CapabilityError when the packed bytes do not divide into words of the storage dtype.
 */
export function madeFourBitFormat(weight: WeightInfo, settings: BitsAndBytesSettings): QuantizedFormat {
  const { bnb4bitQuantType: quantType, bnb4bitUseDoubleQuant: isNested, profile } = settings
  checkStorage(weight, settings.bnb4bitQuantStorage)
  const { outFeatures, inFeatures, dtype } = weight
  const blocks = blocksOf(weight, BLOCK_SIZE)
  const state = { quantType, blockSize: BLOCK_SIZE, dtype, shape: [outFeatures, inFeatures] }
  const layout: FourBitLayout = {
    quantType,
    blockSize: BLOCK_SIZE,
    scales: isNested ? 'nested' : 'plain',
    scaleDtype: isNested ? 'uint8' : 'float32',
    components: componentsOf(weight, settings, blocks, quantStateLimit(state, isNested)),
  }
  return {
    ...fourBitFormat(layout, weight),
    sizesDependOnValues: isNested,
    ...(isNested ? { scratch: () => [{ key: RAW_SCALES, dtype: 'float32', shape: [blocks] }] } : {}),
    quantizeKernel: () => ({
      kernel: 'bnb4Quantize',
      params: { quantType, blockSize: BLOCK_SIZE, profile },
      components: [WEIGHT, isNested ? RAW_SCALES : ABS_MAX],
    }),
    finish(parts) {
      let nestedOffset: number | undefined
      parts.float32(QUANT_MAP).set(FOUR_BIT_CODES[quantType])
      if (isNested) {
        const { codes, absMax, offset } = nestScales(parts.float32(RAW_SCALES), profile)
        parts.uint8(ABS_MAX).set(codes)
        parts.float32(NESTED_ABS_MAX).set(absMax)
        parts.float32(NESTED_QUANT_MAP).set(NESTED_MAP)
        nestedOffset = offset
      }
      const json = formatQuantState({ ...state, nestedOffset } satisfies QuantState)
      parts.bytes(stateKey(quantType)).set(json)
      return new Map([[stateKey(quantType), [json.byteLength]]])
    },
  }
}

/** In the order in which the library lists them. */
function componentsOf(
  weight: WeightInfo,
  {
    bnb4bitQuantType: quantType,
    bnb4bitUseDoubleQuant: isNested,
    bnb4bitQuantStorage: storage,
  }: BitsAndBytesSettings,
  blocks: number,
  stateBytes: number,
): readonly Component[] {
  const whole = (key: string, dtype: 'float32' | 'uint8', shape: readonly number[]): Component => ({
    ...{ key, dtype, shape },
    layout: 'whole',
  })
  return [
    { key: WEIGHT, dtype: storage, shape: packedShape(weight, storage) },
    ...(isNested
      ? [whole(ABS_MAX, 'uint8', [blocks])]
      : [{ key: ABS_MAX, dtype: 'float32', shape: [blocks] } as const]),
    whole(QUANT_MAP, 'float32', [16]),
    ...(isNested
      ? [
          whole(NESTED_ABS_MAX, 'float32', [Math.ceil(blocks / NESTED_BLOCK_SIZE)]),
          whole(NESTED_QUANT_MAP, 'float32', [256]),
        ]
      : []),
    whole(stateKey(quantType), 'uint8', [stateBytes]),
  ]
}

function checkStorage(weight: WeightInfo, storage: StorageDtype): void {
  const bytes = packedBytes(weight)
  const word = dtypeBits(storage) / 8
  if (bytes % word === 0) return
  throw new CapabilityError(
    'QUANT_STORAGE_INDIVISIBLE',
    `the ${bytes} packed bytes of ${weight.path}.weight are not a multiple of the ${word} bytes of ${storage}`,
    {
      tensor: `${weight.path}.weight`,
      field: 'bnb_4bit_quant_storage',
      found: storage,
      expected: 'uint8',
      hint: 'Use bnb4bitQuantStorage: "uint8", or skip the module.',
    },
  )
}
