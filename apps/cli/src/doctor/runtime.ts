import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { AutoModelForCausalLM } from 'hfquant'
import { demoModel } from 'hfquant/demo'

export interface RuntimeCheck {
  readonly node: string
  /** Version of onnxruntime-node; null if it is not installed. */
  readonly onnxruntime: string | null
  /** True if the runtime was loaded and computed finite logits with the demo model. */
  readonly loads: boolean
  readonly problem?: string
}

/** Runs the demo model: nothing less proves that the native runtime works on this machine. */
export async function checkRuntime(signal: AbortSignal): Promise<RuntimeCheck> {
  const found = { node: process.versions.node, onnxruntime: runtimeVersion() ?? null }
  try {
    await using model = await AutoModelForCausalLM.fromPretrained(demoModel, { signal, cache: false })
    const { logits } = await model.forward({ inputIds: [[0]] })
    if (logits.every(Number.isFinite)) return { ...found, loads: true }
    return { ...found, loads: false, problem: 'the demo model computes values that are not finite' }
  } catch (error) {
    signal.throwIfAborted()
    if (found.onnxruntime === null) return { ...found, loads: false, problem: NOT_INSTALLED }
    const message = error instanceof Error ? error.message : String(error)
    return { ...found, loads: false, problem: `the demo model cannot be run: ${message}` }
  }
}

const NOT_INSTALLED =
  'onnxruntime-node is not installed: install hfquant again, with ONNXRUNTIME_NODE_INSTALL=skip in the environment ' +
  'where NuGet cannot be reached, from which its install script fetches CUDA libraries that hfquant does not use'

/** The runtime is a dependency of a dependency, so that its version is looked up from package to package. */
const WAY = ['hfquant', '@hfquant/transformers', '@hfquant/onnx', 'onnxruntime-node']

function runtimeVersion(): string | undefined {
  try {
    const entry = WAY.reduce((from, name) => createRequire(from).resolve(name), import.meta.filename)
    for (let folder = dirname(entry); dirname(folder) !== folder; folder = dirname(folder)) {
      const { name, version } = readManifest(folder)
      if (name === WAY.at(-1)) return version
    }
  } catch {
    // Not installed: running the model says more.
  }
  return undefined
}

function readManifest(folder: string): { readonly name?: string; readonly version?: string } {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  } catch {
    return {}
  }
}
