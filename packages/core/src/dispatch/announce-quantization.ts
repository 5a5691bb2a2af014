import { realpath, stat } from 'node:fs/promises'
import type { Checkpoint } from '../load/checkpoint.js'
import { publishInfo } from '../report/info.js'
import type { HfQuantizer, PreprocessResult } from './hf-quantizer.js'

/** What says that a checkpoint is quantized: config.json, its tensors, or the kind of its file. */
export type FoundIn = 'config' | 'tensors' | 'file'

const SOURCES: Readonly<Record<FoundIn, string>> = {
  config: 'by config.json',
  tensors: 'by the tensors, config.json does not mention it',
  file: 'by the types of its tensors',
}

/** Checkpoints by real path and modification time: one that was written anew is another one. */
const announced = new Set<string>()

/**
 * Says on the info channel that a checkpoint is quantized, how that is known, and how many layers are: once per process
 * and checkpoint, however often it is opened.
 */
export async function announceQuantization(
  { folder, path }: Checkpoint,
  { quantMethod, config: { label } }: HfQuantizer,
  { quantized, promised }: PreprocessResult,
  foundIn: FoundIn,
): Promise<void> {
  const file = await realpath(path).catch(() => path)
  const written = await stat(file).catch(() => undefined)
  const key = `${file}:${written?.mtimeMs}`
  if (announced.has(key)) return
  announced.add(key)
  const name = label === undefined ? quantMethod : `${quantMethod} ${label}`
  const layers = quantized.length === 1 ? '1 quantized layer' : `${quantized.length} quantized layers`
  const float = promised.length === 0 ? '' : `, ${promised.length} more accepted as stored, in float`
  publishInfo(
    `${folder} is quantized: ${name}, found ${SOURCES[foundIn]}; ${layers} installed before the weights are read${float}`,
  )
}
