import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeArtifact } from '../artifact/write-artifact.js'
import { createGraph } from '../graph/graph.js'

const folder = mkdtempSync(join(tmpdir(), 'hfquant-exit-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const SIZE = 512
let modelPath: string

/** A graph that computes for some tenths of a second, so that a process can leave in the middle. */
beforeAll(async () => {
  const graph = createGraph('slow')
  const x = graph.input('x', 'float32', [SIZE, SIZE])
  let product = x
  for (let step = 0; step < 40; step++) product = graph.node('MatMul', [product, x])
  graph.output(
    'y',
    graph.node('ReduceMax', [product], { attributes: { keepdims: { int: 0 } } }),
    'float32',
    [],
  )
  modelPath = await writeArtifact(folder, graph)
})

/** A program that computes, and leaves its process some moments later. */
const leaving = (how: string) => `
  const { createGraphThreads } = await import('@hfquant/onnx')
  const session = await createGraphThreads({ threads: 1 }).open(${JSON.stringify(modelPath)})
  const x = { dtype: 'float32', shape: [${SIZE}, ${SIZE}], data: new Float32Array(${SIZE ** 2}) }
  setTimeout(() => { ${how} }, 60)
  await session.run({ x }, ['y'])
  await session.run({ x }, ['y'])
  console.log('computed to the end')
`

const inWorker = (program: string) => `
  import { Worker } from 'node:worker_threads'
  const code = ${JSON.stringify(`(async () => {${program}})()`)}
  new Worker(code, { eval: true, stdout: false }).on('exit', () => console.log('the worker ended'))
`

/** Runs a program in a process of its own, as a user of the package would write it. */
function run(program: string): Promise<{ status: number | null; signal: string | null; output: string }> {
  const cwd = fileURLToPath(new URL('../..', import.meta.url))
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { cwd })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data))
  return new Promise((resolve) => child.on('close', (status, signal) => resolve({ status, signal, output })))
}

describe('a process that leaves while the runtime computes ends as it was told to', () => {
  test('process.exit()', async () => {
    expect(await run(leaving('process.exit(7)'))).toEqual({ status: 7, signal: null, output: '' })
  })

  test('an error that nobody handles', async () => {
    const { status, signal, output } = await run(leaving("throw new Error('nobody handles it')"))
    expect([status, signal]).toEqual([1, null])
    expect(output).toContain('nobody handles it')
    expect(output).not.toContain('terminate called')
  })

  test('process.exit() in a worker', async () => {
    const ended = { status: 0, signal: null, output: 'the worker ended\n' }
    expect(await run(inWorker(leaving('process.exit(0)')))).toEqual(ended)
  })
})
