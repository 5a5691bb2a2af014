import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GraphValue } from '@hfquant/core'
import { createGraph, createGraphThreads, type GraphSession, writeArtifact } from '@hfquant/onnx'
import { afterAll, describe, expect, test } from 'vitest'
import { splitByExpert } from './split-by-expert.js'

const folder = mkdtempSync(join(tmpdir(), 'hfquant-experts-'))
const threads = createGraphThreads({ threads: 1 })
afterAll(async () => {
  await threads.close()
  rmSync(folder, { recursive: true, force: true })
})

const [EXPERTS, CHOSEN, WIDTH] = [5, 2, 3]

/** Expert e multiplies by 10^e, and says how many rows it got. */
async function sessionOf(inPairs: boolean): Promise<GraphSession> {
  const graph = createGraph(`pairs ${inPairs}`)
  const rows: GraphValue[] = []
  const result = splitByExpert(
    graph,
    {
      ...{ count: EXPERTS, chosen: CHOSEN },
      x: graph.input('x', 'float32', ['B', 'S', WIDTH]),
      experts: graph.input('experts', 'int64', ['B', 'S', CHOSEN]),
      weights: graph.input('weights', 'float32', ['B', 'S', CHOSEN]),
      expert(index, own) {
        rows.push(own)
        return graph.node('Mul', [own, graph.literal('float32', [], [10 ** index])])
      },
    },
    { inPairs },
  )
  graph.output('y', result, 'float32', ['B', 'S', WIDTH])
  const counts = graph.cut(`counts ${inPairs}`, [], rows)
  for (const [index, own] of rows.entries()) {
    counts.output(`rows.${index}`, counts.node('Shape', [own]), 'int64', [2])
  }
  const at = (name: string) => mkdtempSync(join(folder, name))
  sessions.set(inPairs, await threads.open(await writeArtifact(at('counts'), counts)))
  return threads.open(await writeArtifact(at('experts'), graph))
}
const sessions = new Map<boolean, GraphSession>()

const feedsOf = (x: readonly number[], experts: readonly number[], weights: readonly number[], batch = 1) => {
  const tokens = experts.length / CHOSEN / batch
  return {
    x: { dtype: 'float32', shape: [batch, tokens, WIDTH], data: Float32Array.from(x) },
    experts: { dtype: 'int64', shape: [batch, tokens, CHOSEN], data: BigInt64Array.from(experts, BigInt) },
    weights: { dtype: 'float32', shape: [batch, tokens, CHOSEN], data: Float32Array.from(weights) },
  } as const
}

const random = (seed: number) => {
  let state = seed
  return () => {
    state = (state * 1103515245 + 12345) % 2 ** 31
    return state / 2 ** 31
  }
}

describe.each([false, true])('experts with rows in pairs: %s', async (inPairs) => {
  const session = await sessionOf(inPairs)

  test('each token is the weighted sum of what its experts make of it', async () => {
    const next = random(7)
    for (const [batch, tokens] of [
      [1, 1],
      [1, 6],
      [3, 4],
    ] as const) {
      const count = batch * tokens
      const x = Array.from({ length: count * WIDTH }, next)
      const chosen = Array.from({ length: count }, () => {
        const first = Math.floor(next() * EXPERTS)
        return [first, (first + 1 + Math.floor(next() * (EXPERTS - 1))) % EXPERTS]
      }).flat()
      const weights = Array.from({ length: count * CHOSEN }, next)
      const { y } = await session.run(feedsOf(x, chosen, weights, batch), ['y'])
      expect(y!.shape).toEqual([batch, tokens, WIDTH])
      for (let token = 0; token < count; token++) {
        for (let at = 0; at < WIDTH; at++) {
          const factor = [0, 1].reduce((sum, slot) => {
            const index = token * CHOSEN + slot
            return sum + weights[index]! * 10 ** chosen[index]!
          }, 0)
          const found = y!.data[token * WIDTH + at] as number
          expect(found / (x[token * WIDTH + at]! * factor)).toBeCloseTo(1, 5)
        }
      }
    }
  })

  test('an expert gets the rows of the tokens that chose it, and none otherwise', async () => {
    const feeds = feedsOf(new Array(9).fill(1), [0, 3, 3, 1, 3, 0], new Array(6).fill(1))
    const names = Array.from({ length: EXPERTS }, (_, index) => `rows.${index}`)
    const { weights: _, ...read } = feeds
    const found = await sessions.get(inPairs)!.run(read, names)
    const rows = names.map((name) => Number(found[name]!.data[0]))
    expect(rows).toEqual(inPairs ? [2, 2, 0, 4, 0] : [2, 1, 0, 3, 0])
  })
})
