import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { writeInLargePieces } from './large-pages.js'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hfquant-pages-'))
  path = join(folder, 'weights.bin')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const PIECE = 4 * 2 ** 20
const bytesOf = (length: number) => Uint8Array.from({ length }, (_, at) => Math.imul(at, 2654435761) >>> 24)

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** What the file holds, which inode it has, and what else lies beside it. */
const found = () => ({
  digest: digest(readFileSync(path)),
  inode: statSync(path).ino,
  names: readdirSync(folder),
})

test('a file is written anew with the same bytes, and nothing else is left', async () => {
  const bytes = bytesOf(2 * PIECE + 4097)
  writeFileSync(path, bytes)
  const { inode } = found()
  await writeInLargePieces(path)
  const after = found()
  expect(after.digest).toBe(digest(bytes))
  expect(after.names).toEqual(['weights.bin'])
  expect(after.inode).not.toBe(inode)
})

test.each([
  ['smaller than a piece', PIECE - 1],
  ['empty', 0],
])('a file that is %s stays as it is', async (_, length) => {
  writeFileSync(path, bytesOf(length))
  const before = found()
  await writeInLargePieces(path)
  expect(found()).toEqual(before)
})

test('where there is no file there is none afterwards', async () => {
  await writeInLargePieces(path)
  expect(readdirSync(folder)).toEqual([])
})

test('one that is aborted leaves the file', async () => {
  writeFileSync(path, bytesOf(PIECE))
  const { inode } = found()
  const reason = new Error('enough')
  await expect(writeInLargePieces(path, AbortSignal.abort(reason))).rejects.toBe(reason)
  expect(found()).toMatchObject({ inode, names: ['weights.bin'] })
})
