import {
  type JsonObject,
  type LoadedModel,
  type MergedQuantization,
  printable,
  publishWarning,
} from '@hfquant/core/runtime'
import type { OpenedModel } from '../open/open-model.js'

/** How a loaded model is quantized, and what became of a configuration that was supplied for it. */
export interface ModelQuantization {
  /** `quant_method` */
  readonly method: string
  /** The resolved configuration, as config.json holds it. */
  readonly config: JsonObject
  /** Keys of the saved configuration that the caller changed. */
  readonly overridden: readonly string[]
  /** Keys that the caller set without effect. */
  readonly ignored: readonly string[]
  readonly skipped: readonly { readonly module: string; readonly reason: string }[]
}

/** @returns undefined for a float model. */
export function quantizationOf(
  { merged, quantizer }: OpenedModel,
  { quantization }: LoadedModel,
): ModelQuantization | undefined {
  if (merged === undefined || quantizer === undefined) return undefined
  const { method, overridden, ignored } = merged
  const config = quantizer.config.toDict()
  return { method, config, overridden, ignored, skipped: quantization?.skipped ?? [] }
}

/** Reports warnings, and what the caller of a configuration set without effect, to the process; returns them all. */
export function warn(merged: MergedQuantization | undefined, warnings: readonly string[]): readonly string[] {
  const ignored = (merged?.ignored ?? []).map(
    (key) => `${key} was ignored: the checkpoint is quantized with another value`,
  )
  const all = [...warnings, ...ignored].map(printable)
  for (const warning of all) publishWarning(warning)
  return all
}
