import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AutoModelForCausalLM } from 'hfquant'
import { afterAll, expect, test } from 'vitest'

const golden = fileURLToPath(new URL('../goldens/tiny-persimmon', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'hfquant-persimmon-'))
process.env.HFQUANT_CACHE = join(folder, 'cache')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('a folder is loaded by its path alone: nothing here imports the family', async () => {
  await using model = await AutoModelForCausalLM.fromPretrained(golden)
  const { shape } = await model.forward({ inputIds: [[3, 1, 4]] })
  expect(shape).toEqual([1, 3, 96])
})
