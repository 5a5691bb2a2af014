import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { writeArtifact } from '../artifact/write-artifact.js'
import { createGraph } from '../graph/graph.js'
import { createGraphThreads, type GraphSession } from './graph-session.js'

const folder = mkdtempSync(join(tmpdir(), 'hfquant-threads-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function modelOf(operator: 'Add' | 'Mul'): Promise<string> {
  const graph = createGraph(operator)
  const x = graph.input('x', 'float32', ['N'])
  graph.output('y', graph.node(operator, [x, graph.literal('float32', [], [3])]), 'float32', ['N'])
  const path = join(folder, operator)
  mkdirSync(path, { recursive: true })
  return writeArtifact(path, graph)
}

async function compute(session: GraphSession): Promise<number[]> {
  const x = { dtype: 'float32' as const, shape: [2], data: Float32Array.of(1, 5) }
  const { y } = await session.run({ x }, ['y'])
  return [...(y!.data as Float32Array)]
}

describe('graphs in threads of their own', () => {
  test.each([true, false])('one after the other, and at the same time (reuse %s)', async (reuse) => {
    const threads = createGraphThreads({ threads: 1, reuse })
    const first = await threads.open(await modelOf('Add'))
    expect(await compute(first)).toEqual([4, 8])
    await first.close()
    const [second, third] = await Promise.all([
      threads.open(await modelOf('Mul')),
      threads.open(await modelOf('Add')),
    ])
    expect(await Promise.all([second, third].map(compute))).toEqual([
      [3, 15],
      [4, 8],
    ])
    await threads.close()
  })

  test('a model that cannot be opened is a typed error, and the next one opens', async () => {
    const threads = createGraphThreads({ threads: 1 })
    await expect(threads.open(join(folder, 'absent.onnx'))).rejects.toMatchObject({ code: 'SESSION_FAILED' })
    expect(await compute(await threads.open(await modelOf('Add')))).toEqual([4, 8])
    await threads.close()
  })

  test('once ended, a session fails instead of waiting for ever, and may be closed again', async () => {
    const threads = createGraphThreads({ threads: 1 })
    const session = await threads.open(await modelOf('Add'))
    await threads.close()
    await expect(compute(session)).rejects.toMatchObject({ code: 'MODEL_DISPOSED' })
    await session.close()
  })

  test('outputs go where they are told to, and sums stay in the session until they are taken', async () => {
    const graph = createGraph('sums')
    const x = graph.input('x', 'float32', ['N'])
    for (const [index, factor] of [2, 10].entries()) {
      const before = graph.input(`before.${index}`, 'float32', [2])
      const product = graph.node('Mul', [x, graph.literal('float32', [], [factor])])
      graph.output(`after.${index}`, graph.node('Add', [before, product]), 'float32', [2])
    }
    const path = join(folder, 'sums')
    mkdirSync(path, { recursive: true })
    const threads = createGraphThreads({ threads: 1 })
    const [doubling, sums] = [
      await threads.open(await modelOf('Add')),
      await threads.open(await writeArtifact(path, graph)),
    ]
    const ports = [0, 1].map((index) => ({ input: `before.${index}`, output: `after.${index}`, shape: [2] }))
    let room = new Float32Array(2)
    for (const values of [
      [1, 5],
      [2, 0],
    ]) {
      const tensor = (data: Float32Array) => ({ dtype: 'float32' as const, shape: [2], data })
      const { y } = await doubling.run({ x: tensor(Float32Array.from(values)) }, ['y'], { y: tensor(room) })
      expect(room).toHaveLength(0)
      expect(y!.data).toEqual(Float32Array.from(values, (value) => value + 3))
      const { x } = await sums.accumulate({ x: y! }, ports)
      room = x!.data as Float32Array<ArrayBuffer>
      expect(room).toHaveLength(2)
    }
    // [1, 5] and [2, 0], each with 3 added, make [9, 11].
    const taken = await sums.takeSums()
    expect(taken['after.0']!.data).toEqual(Float32Array.of(18, 22))
    expect(taken['after.1']!.data).toEqual(Float32Array.of(90, 110))
    expect(await sums.takeSums()).toEqual({})
    await threads.close()
  })
})
