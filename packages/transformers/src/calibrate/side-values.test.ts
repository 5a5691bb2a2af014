import type { GraphValue } from '@hfquant/core'
import { createGraph, createGraphThreads, DECODER } from '@hfquant/onnx'
import { afterAll, expect, test } from 'vitest'
import { temporaryFolder } from '../export/testing/folders.fixture.js'
import { HIDDEN_SHAPE, openPart } from './block-session.js'
import { createSideStore } from './side-store.js'
import { createSideValues } from './side-values.js'

const store = createSideStore(await temporaryFolder())
const threads = createGraphThreads({ threads: 1, reuse: true })
afterAll(async () => {
  store.close()
  await threads.close()
})

test('a block reads values of several widths', async () => {
  const graph = createGraph('model')
  const last = graph.literal('int64', [1], [-1])
  const float = { attributes: { to: { int: 1 } } }
  const ids = graph.node('Cast', [graph.input(DECODER.inputIds, 'int64', ['B', 'S'])], float)
  const from = graph.node('Unsqueeze', [ids, last]) // [B, S, 1]
  const narrow = graph.node('Unsqueeze', [graph.node('Neg', [ids]), last]) // [B, S, 1]
  const wide = graph.node('Concat', [narrow, narrow, narrow], { attributes: { axis: { int: -1 } } }) // [B, S, 3]
  const sizeOf = (value: GraphValue) =>
    graph.node('ReduceSum', [graph.node('Abs', [graph.node('Neg', [value])]), last])
  // The wide ones come behind the narrow ones, whose memory is free by then.
  const first = sizeOf(narrow)
  const sums = [first, sizeOf(graph.node('Add', [wide, first]))]
  const to = graph.node('Sum', [from, ...sums])
  const sides = createSideValues(
    graph,
    { blocks: [{ paths: ['0'], cuts: [from, to] }], end: to, modules: [], sides: [narrow, wide] },
    store,
  )

  const read = sides.read(from, [to])
  const part = graph.cut(
    'block',
    [{ value: from, dtype: 'float32', shape: HIDDEN_SHAPE }, ...read.cuts],
    [to],
  )
  part.output('hidden', to, 'float32', HIDDEN_SHAPE)
  const floats = (width: number, value: number) => ({
    ...{ dtype: 'float32' as const, shape: [1, 2, width], data: new Float32Array(2 * width).fill(value) },
  })
  await store.set(narrow.id, 0, floats(1, 10))
  await store.set(wide.id, 0, floats(3, 100))
  const session = await openPart(part, (constant) => constant, threads)
  const { hidden } = await session.run({ ...(await read.feeds(0)), [from.id]: floats(1, 1) }, ['hidden'])
  await session.close()

  expect([...hidden!.data]).toEqual([341, 341])
})
