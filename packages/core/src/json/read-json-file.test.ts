import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { temporaryFolder } from '../testing/tiny-model.fixture.js'
import { readJsonFile } from './read-json-file.js'

const path = join(temporaryFolder(afterAll), 'config.json')

test.each([
  ['lists in lists without end', '['.repeat(1e6), /levels/],
  ['objects in objects without end', '{"a":'.repeat(1e6), /levels/],
  ['more values than a configuration has', `[${'{},'.repeat(1e6)}{}]`, /values/],
  ['a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 2\n', /Git LFS/],
  ['a web page', '<!DOCTYPE html><html></html>', /HTML/],
  ['half of a file', '{"a":', /not valid JSON/],
  ['what is no JSON', '\x1b[2J', /expected a value/],
])('%s is refused', async (_, text, message) => {
  await writeFile(path, text)
  await expect(readJsonFile(path)).rejects.toMatchObject({
    ...{ code: 'JSON_INVALID', file: path },
    message: expect.stringMatching(message),
  })
})

test.each([
  ['[]', 'an array'],
  ['"{}"', 'a value'],
  ['null', 'a value'],
])('%s is refused: a configuration is an object', async (text, what) => {
  await writeFile(path, text)
  await expect(readJsonFile(path)).rejects.toMatchObject({
    ...{ code: 'JSON_NOT_OBJECT', file: path },
    message: expect.stringContaining(`config.json holds ${what}, expected a JSON object`),
  })
})

test('more bytes than a configuration has are refused before they are read', async () => {
  await writeFile(path, ' '.repeat(16 * 2 ** 20 + 1))
  await expect(readJsonFile(path)).rejects.toMatchObject({ code: 'FILE_TOO_LARGE' })
})
