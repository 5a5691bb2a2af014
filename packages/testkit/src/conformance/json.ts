import { isDeepStrictEqual } from 'node:util'
import type {
  JsonObject,
  QuantizationConfig,
  QuantizationConfigInput,
  QuantizerBackend,
} from '@hfquant/core/runtime'

/** The block as a reader of config.json sees it. */
export const plainJson = (config: QuantizationConfig): JsonObject =>
  JSON.parse(JSON.stringify(config.toDict())) as JsonObject

export const sameJson = (left: unknown, right: unknown): boolean => isDeepStrictEqual(left, right)

/** The keys in which two objects differ. */
export const differingKeys = (left: JsonObject, right: JsonObject): readonly string[] =>
  [...new Set([...Object.keys(left), ...Object.keys(right)])].filter(
    (key) => !sameJson(left[key], right[key]),
  )

/** A configuration as an instance of its backend. */
export const configOf = (backend: QuantizerBackend, config: QuantizationConfigInput): QuantizationConfig =>
  isConfig(config) ? config : backend.parseConfig(config as JsonObject)

export const isConfig = (input: QuantizationConfigInput): input is QuantizationConfig =>
  typeof (input as QuantizationConfig).toDict === 'function'
