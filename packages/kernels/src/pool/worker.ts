// Entry of a worker thread: takes one task after the other, moves the bytes itself and answers with the result.
import { parentPort } from 'node:worker_threads'
import { KernelFailedError } from '../errors.js'
import { execute } from '../execute.js'
import type { KernelFunction, KernelResult } from '../kernel.js'
import { createWasmKernels, type WasmKernels } from '../wasm/instance.js'
import { toErrorData, type WorkerAnswer } from './messages.js'
import type { KernelTask } from './task.js'
import { readRange, writeRange } from './transfer.js'

let wasm: WasmKernels | undefined

async function perform(task: KernelTask): Promise<KernelResult> {
  wasm ??= createWasmKernels()
  return execute(wasm, {
    kernel: task.kernel,
    params: task.params,
    inputLengths: task.inputs.map((range) => range.byteLength),
    outputLengths: task.outputs.map((range) => range.byteLength),
    plugIn: task.module === undefined ? {} : await importKernels(task.module),
    load: (inputs) => {
      for (const [i, range] of task.inputs.entries()) readRange(range, inputs[i]!)
    },
    store: (outputs) => {
      for (const [i, range] of task.outputs.entries()) writeRange(range, outputs[i]!)
    },
  })
}

async function importKernels(module: string): Promise<Readonly<Record<string, KernelFunction>>> {
  const { kernels } = (await import(module)) as { kernels?: Readonly<Record<string, KernelFunction>> }
  if (kernels !== undefined) return kernels
  throw new KernelFailedError(`the kernel module ${module} has no export "kernels"`)
}

parentPort!.on('message', async (task: KernelTask) => {
  let answer: WorkerAnswer
  try {
    answer = { result: await perform(task) }
  } catch (thrown) {
    answer = { error: toErrorData(task.kernel, thrown) }
  }
  parentPort!.postMessage(answer)
})
