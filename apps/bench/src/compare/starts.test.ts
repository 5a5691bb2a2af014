import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { cacheFolder } from 'hfquant'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Contender } from './contenders.js'
import { coldStart, firstStart } from './starts.js'

let work: string
let contender: Contender
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'hfquant-starts-'))
  contender = { name: 'hfquant rtn-int4', engine: 'hfquant', bits: 4, path: join(work, 'model') }
  await mkdir(contender.path)
  await writeFile(join(contender.path, 'model.safetensors'), Buffer.alloc(1000))
  await writeFile(join(contender.path, 'tokenizer.json'), '{}')
})
afterAll(() => rm(work, { recursive: true, force: true }))

test('a first start finds an empty cache, and what it leaves is weighed once it is complete', async () => {
  const start = async (_: Contender, cache: string) => {
    expect(await readdir(cache)).toEqual([])
    const own = cacheFolder({ HFQUANT_CACHE: cache })
    await mkdir(join(own, 'work', 'packing'), { recursive: true })
    void setTimeout(150).then(async () => {
      await mkdir(join(own, 'artifacts', 'key'), { recursive: true })
      await writeFile(join(own, 'artifacts', 'key', 'weights.bin'), Buffer.alloc(1500))
      await rm(join(own, 'work', 'packing'), { recursive: true })
    })
    return 2.5
  }
  expect(await firstStart(contender, work, start)).toEqual({ 'start first': 2.5, artifact: 1.5 })
  expect(await readdir(work), 'its cache is gone').toEqual(['model'])
  expect(await firstStart(contender, work, async () => 3)).toEqual({ 'start first': 3 })
})

test.runIf(existsSync('/usr/bin/dd') || existsSync('/bin/dd'))(
  'a cold start is measured where files can be dropped from memory',
  async () => {
    const cache = join(work, 'no-cache-yet')
    expect(await coldStart(contender, cache, async () => 4)).toEqual({ 'start cold': 4 })
    const path = process.env.PATH
    process.env.PATH = ''
    try {
      expect(await coldStart(contender, cache, async () => 4)).toEqual({})
    } finally {
      process.env.PATH = path
    }
  },
)
