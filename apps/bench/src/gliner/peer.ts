import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openSafetensors } from '@hfquant/safetensors'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { GlinerFigures } from './measure-gliner.js'
import { firstLabels, glinerTexts, LABEL_COUNTS, speedNames } from './texts.js'

export interface PeerRequest {
  /** What `exportPeer` wrote. */
  readonly folder: string
  readonly threads: number
  readonly texts: number
}

/**
 * Exports a GLiNER with its Python library, and has it make the inputs of `texts` texts.
 *
 * @param python with the packages that the script names.
 */
export async function exportPeer(python: string, model: string, out: string, texts: number): Promise<void> {
  // Built into dist/, while the script stays among the sources.
  const script = fileURLToPath(new URL('../src/gliner/export_gliner.py', import.meta.url))
  const child = spawn(python, [script, model, out], { stdio: ['pipe', 'inherit', 'inherit'] })
  const ended = new Promise<number | null>((resolve, reject) =>
    child.once('error', reject).once('close', resolve),
  )
  const labels = Object.fromEntries(LABEL_COUNTS.map((count) => [count, firstLabels(count)]))
  child.stdin.end(JSON.stringify({ texts: glinerTexts(texts), labels }))
  const status = await ended
  if (status !== 0) throw new Error(`${python} ended with ${status}; ${script} says what it needs`)
}

/** Measures ONNX Runtime alone in this process: words, tokens, spans and entities cost it nothing. */
export async function measurePeer({ folder, threads, texts }: PeerRequest): Promise<GlinerFigures> {
  const session = await InferenceSession.create(join(folder, 'model.onnx'), { intraOpNumThreads: threads })
  const calls = await readCalls(join(folder, 'calls.safetensors'))
  const figures: Record<string, number> = {}
  for (const labels of LABEL_COUNTS) {
    const [one, all] = speedNames(labels)
    for (const [figure, kind] of [
      [one, 'one'],
      [all, 'all'],
    ] as const) {
      const feeds = calls.get(`${labels}/${kind}`)!
      await session.run(feeds[0]!)
      const start = performance.now()
      for (const feed of feeds) await session.run(feed)
      figures[figure] = (1000 * texts) / (performance.now() - start)
    }
  }
  await session.release()
  return figures
}

/** The inputs of each call, by labels and kind. */
async function readCalls(path: string): Promise<ReadonlyMap<string, readonly Record<string, Tensor>[]>> {
  const calls = new Map<string, Record<string, Tensor>[]>()
  await using file = await openSafetensors(path)
  for (const [name, { dtype, shape }] of file.tensors) {
    const [labels, kind, call, input] = name.split('/')
    const feeds = calls.get(`${labels}/${kind}`) ?? []
    calls.set(`${labels}/${kind}`, feeds)
    feeds[Number(call)] ??= {}
    feeds[Number(call)]![input!] = toTensor(dtype, shape, await file.read(name))
  }
  return calls
}

function toTensor(dtype: string, shape: readonly number[], bytes: Uint8Array): Tensor {
  if (dtype === 'BOOL') return new Tensor('bool', bytes, shape)
  if (dtype === 'I64') return new Tensor('int64', new BigInt64Array(bytes.slice().buffer), shape)
  throw new TypeError(`an input of dtype ${dtype}, expected I64 or BOOL`)
}
