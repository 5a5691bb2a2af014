import type { Component, ComponentRows, FloatDtype, WeightInfo } from '@hfquant/core'
import { type LayerSettings, startsWhole } from '../config/settings.js'
import type { HqqLayout } from './layout.js'

/** Facts that are true or false, a byte each. */
export const FLAG_KEYS = [
  ...['view_as_float', 'quant_scale', 'quant_zero', 'offload_meta', 'channel_wise', 'optimize', 'round_zero'],
  ...['encoded_state_dict', 'stores_quant_config'],
] as const

/**
 * The small tensors that describe a layer in the file: transformers 4.57 waits for every one of them before it builds
 * the layer. Texts are their character codes.
 */
export const FACT_KEYS = [
  ...['shape', 'nbits', 'group_size', 'axis', 'packing', 'unpack_view_dtype', 'compute_dtype'],
  ...FLAG_KEYS,
] as const

interface Fact {
  readonly component: Component
  readonly bytes: Uint8Array
}

/** The facts of a layer that is quantized here. */
export function layerFacts(
  { outFeatures, inFeatures }: WeightInfo,
  settings: LayerSettings,
  { packing, axis, groupSize, parameterDtype }: HqqLayout,
): readonly Fact[] {
  return [
    fact('shape', 'int64', BigInt64Array.of(BigInt(outFeatures), BigInt(inFeatures)), [2]),
    Number.isInteger(settings.nbits)
      ? fact('nbits', 'int32', Int32Array.of(settings.nbits))
      : fact('nbits', 'float32', Float32Array.of(settings.nbits)),
    fact('group_size', 'int32', Int32Array.of(groupSize)),
    fact('axis', 'int32', Int32Array.of(axis)),
    text('packing', packing.name),
    text('unpack_view_dtype', torchName(packing.word)),
    text('compute_dtype', torchName(parameterDtype)),
    flag('view_as_float', false),
    flag('quant_scale', false),
    flag('quant_zero', false),
    flag('offload_meta', false),
    flag('channel_wise', true),
    flag('optimize', settings.optimize),
    flag('round_zero', startsWhole(settings)),
    flag('encoded_state_dict', true),
    flag('stores_quant_config', true),
  ]
}

/** Fills in the facts of a layer whose codes are made. */
export function writeFacts(facts: readonly Fact[], parts: Pick<ComponentRows, 'bytes'>): void {
  for (const { component, bytes } of facts) parts.bytes(component.key).set(bytes)
}

/** "torch.float16" */
export const torchName = (dtype: FloatDtype | 'uint8' | 'int32'): string => `torch.${dtype}`

function fact(
  key: (typeof FACT_KEYS)[number],
  dtype: Component['dtype'],
  values: ArrayBufferView,
  shape: readonly number[] = [],
): Fact {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  return { component: { key, dtype, shape, layout: 'whole' }, bytes }
}

const flag = (key: (typeof FACT_KEYS)[number], value: boolean): Fact =>
  fact(key, 'uint8', Uint8Array.of(value ? 1 : 0))

function text(key: (typeof FACT_KEYS)[number], value: string): Fact {
  const bytes = new TextEncoder().encode(value)
  return fact(key, 'uint8', bytes, [bytes.length])
}
