import { expect, it } from 'vitest'
import { createModelPool } from './model-pool.js'

/** Models that are loaded when the test says so. */
function testPool() {
  const loads: { resolve(): void; reject(error: Error): void; signal: AbortSignal; disposed: number }[] = []
  const pool = createModelPool((_id: string, _settings: object, signal) => {
    const { promise, ...settle } = withResolvers<void>()
    const load = { ...settle, signal, disposed: 0 }
    loads.push(load)
    signal.addEventListener('abort', () => load.reject(signal.reason))
    return promise.then(() => ({ load, dispose: async () => void load.disposed++ }))
  })
  return { pool, loads }
}

function withResolvers<T>() {
  let resolve!: (value: T) => void
  let reject!: (error: Error) => void
  const promise = new Promise<T>((...both) => {
    ;[resolve, reject] = both
  })
  return { promise, resolve, reject }
}

it('loads a model once for equal settings, and another for others', async () => {
  const { pool, loads } = testPool()
  const hearing = { onProgress: () => {}, dtype: 'float16' }
  const calls = [{ dtype: 'float16' }, hearing, { ...hearing, onProgress: () => {} }, { dtype: 'float32' }]
  const used = calls.map((settings) => pool.use('a', settings, undefined))
  expect(loads).toHaveLength(2)
  for (const { resolve } of loads) resolve()
  const [first, second, third, other] = await Promise.all(used)
  expect(second).toBe(first)
  expect(third).toBe(first)
  expect(other).not.toBe(first)
  expect(await pool.use('a', { dtype: 'float32' }, undefined)).toBe(other)
})

it('tells all who wait of a failure, and tries again for the next', async () => {
  const { pool, loads } = testPool()
  const waiting = [pool.use('a', {}, undefined), pool.use('a', {}, undefined)]
  loads[0]!.reject(new Error('out of memory'))
  for (const one of waiting) await expect(one).rejects.toThrow('out of memory')
  const next = pool.use('a', {}, undefined)
  loads[1]!.resolve()
  await next
})

it('loads nothing for a call that was aborted before', async () => {
  const { pool, loads } = testPool()
  await expect(pool.use('a', {}, AbortSignal.abort('enough'))).rejects.toBe('enough')
  expect(loads).toEqual([])
})

it('lets one leave without the others', async () => {
  const { pool, loads } = testPool()
  const stop = new AbortController()
  const [left, stays] = [pool.use('a', {}, stop.signal), pool.use('a', {}, undefined)]
  stop.abort()
  await expect(left).rejects.toBe(stop.signal.reason)
  expect(loads[0]!.signal.aborted).toBe(false)
  loads[0]!.resolve()
  await stays
})

it('releases what is loaded, ends what is being loaded, and may be used again', async () => {
  const { pool, loads } = testPool()
  const loaded = pool.use('a', {}, undefined)
  loads[0]!.resolve()
  await loaded
  const loading = pool.use('b', {}, undefined)
  loading.catch(() => {})
  await pool.dispose()
  await expect(loading).rejects.toMatchObject({ name: 'AbortError' })
  expect(loads.map(({ disposed }) => disposed)).toEqual([1, 0])
  const again = pool.use('a', {}, undefined)
  loads[2]!.resolve()
  expect(await again).not.toBe(await loaded)
})
