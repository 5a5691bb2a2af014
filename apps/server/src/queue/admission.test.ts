import { describe, expect, it } from 'vitest'
import { ApiError } from '../http/api-error.js'
import { type Admission, createAdmission } from './admission.js'

const never = new AbortController().signal

/** Admits under a name, and notes the order. */
function admitAll(admission: Admission, names: readonly string[], order: string[]) {
  return names.map(async (name) => {
    const admitted = await admission.admit({ key: name[0]!, choices: 1, signal: never })
    order.push(name)
    return admitted
  })
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('admission', () => {
  it('runs as many as may, and lets keys take turns behind them', async () => {
    const admission = createAdmission({ maxSequences: 1, maxQueue: 10, queueTimeout: 1000 })
    const order: string[] = []
    const all = admitAll(admission, ['a1', 'a2', 'a3', 'b1', 'c1', 'b2'], order)
    expect([admission.running, admission.waiting]).toEqual([1, 5])
    for (const one of [0, 1, 3, 4, 2, 5]) {
      await settled()
      ;(await all[one]!).release()
    }
    expect(order).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2'])
    expect([admission.running, admission.waiting]).toEqual([0, 0])
  })

  it('gives the other choices of a request the next places', async () => {
    const admission = createAdmission({ maxSequences: 1, maxQueue: 10, queueTimeout: 1000 })
    const order: string[] = []
    const first = await admission.admit({ key: 'a', choices: 2, signal: never })
    const waiting = admitAll(admission, ['b1'], order)
    const sibling = first.another(never).then((slot) => {
      order.push('a, second choice')
      return slot
    })
    first.release()
    first.release()
    ;(await sibling).release()
    ;(await waiting[0]!).release()
    expect(order).toEqual(['a, second choice', 'b1'])
  })

  it('lets a request that runs have its other choices while those that wait are refused', async () => {
    const admission = createAdmission({ maxSequences: 1, maxQueue: 10, queueTimeout: 1000 })
    const first = await admission.admit({ key: 'a', choices: 3, signal: never })
    const [second, third] = [first.another(never), first.another(never)]
    const other = admission.admit({ key: 'b', choices: 1, signal: never })
    admission.refuseWaiting(new ApiError('shutting_down', 'over'))
    await expect(other).rejects.toMatchObject({ code: 'shutting_down' })
    first.release()
    ;(await second).release()
    await third
    const fourth = first.another(never)
    admission.refuseAll(new ApiError('model_failed', 'over'))
    await expect(fourth).rejects.toMatchObject({ code: 'model_failed' })
  })

  it('refuses what is too many, and what waited too long', async () => {
    const admission = createAdmission({ maxSequences: 1, maxQueue: 2, queueTimeout: 20 })
    await admission.admit({ key: '', choices: 1, signal: never })
    const second = admission.admit({ key: '', choices: 2, signal: never })
    await expect(admission.admit({ key: '', choices: 1, signal: never })).rejects.toMatchObject({
      ...{ code: 'queue_full', headers: { 'retry-after': '1' } },
    })
    await expect(second).rejects.toMatchObject({ code: 'queue_timeout' })
    expect(admission.waiting).toBe(0)
  })

  it('forgets who leaves while waiting', async () => {
    const admission = createAdmission({ maxSequences: 1, maxQueue: 2, queueTimeout: 1000 })
    const running = await admission.admit({ key: '', choices: 1, signal: never })
    const leaving = new AbortController()
    const left = admission.admit({ key: '', choices: 1, signal: leaving.signal })
    const stays = admission.admit({ key: '', choices: 1, signal: never })
    leaving.abort(new Error('gone'))
    await expect(left).rejects.toThrow('gone')
    running.release()
    ;(await stays).release()
    expect(admission.running).toBe(0)
  })

  it('holds what waits while a model restarts, and ends it when the server does', async () => {
    const admission = createAdmission({ maxSequences: 4, maxQueue: 4, queueTimeout: 1000 })
    admission.hold()
    const held = admission.admit({ key: '', choices: 1, signal: never })
    const refused = admission.admit({ key: '', choices: 1, signal: never })
    await settled()
    expect(admission.running).toBe(0)
    admission.resume()
    ;(await held).release()
    await refused
    admission.hold()
    const ended = admission.admit({ key: '', choices: 1, signal: never })
    admission.refuseWaiting(new ApiError('shutting_down', 'over'))
    await expect(ended).rejects.toMatchObject({ code: 'shutting_down' })
  })
})
