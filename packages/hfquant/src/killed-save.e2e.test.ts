import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { readdir, readFile, rename } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { workTag } from '@hfquant/core/runtime'
import { afterAll, expect, test } from 'vitest'
import { demoModel } from './demo/index.js'
import { AutoModelForCausalLM, quantizeModel, recipe } from './index.js'

const parent = mkdtempSync(join(tmpdir(), 'hfquant-killed-'))
afterAll(() => rmSync(parent, { recursive: true, force: true }))

async function digestOf(folder: string): Promise<string> {
  const hash = createHash('sha256')
  for (const name of (await readdir(folder)).sort())
    hash.update(name).update(await readFile(join(folder, name)))
  return hash.digest('hex')
}

test('a process killed while it saves leaves a complete model, and the next save succeeds', async () => {
  const [first, second, out] = [join(parent, 'first'), join(parent, 'second'), join(parent, 'work', 'model')]
  await quantizeModel(demoModel, first, { quantizationConfig: await recipe('int8-weight-only') })
  await quantizeModel(demoModel, second, { quantizationConfig: await recipe('int8-dynamic-act-int4-weight') })
  const complete = [await digestOf(first), await digestOf(second)]
  const program = fileURLToPath(new URL('./testing/save-forever.mjs', import.meta.url))
  for (let round = 0; round < 6; round++) {
    const child = fork(program, [out, first, second], { stdio: 'ignore' })
    await once(child, 'message')
    await wait(round === 0 ? 1000 : 20 + round * 37)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await using model = await AutoModelForCausalLM.fromPretrained(out)
    expect(model.quantization?.method).toBe('torchao')
    expect(complete).toContain(await digestOf(out))
  }
  // The moment that is too short to be met by chance: after the first of the two renames.
  await rename(out, join(parent, 'work', `.model.hfquant-old-${workTag().replace(/^\d+/, '999999999')}`))
  await (await AutoModelForCausalLM.fromPretrained(out)).dispose()
  expect(complete).toContain(await digestOf(out))

  await using model = await AutoModelForCausalLM.fromPretrained(first)
  await model.savePretrained(out)
  expect(await digestOf(out)).toBe(complete[0])
  expect(await readdir(join(parent, 'work'))).toEqual(['model'])
})
