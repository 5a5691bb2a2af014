import { chmod, chown, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { temporaryFolder } from '../testing/tiny-model.fixture.js'
import { hubDigest } from './hub-digest.js'

const root = temporaryFolder(afterAll)
const DIGEST = 'ab'.repeat(32)
const COMMIT = '0c'.repeat(20)

let hub: string
let count = 0
beforeEach(() => {
  hub = join(root, `hub-${++count}`)
  vi.stubEnv('HF_HUB_CACHE', hub)
})
afterEach(() => vi.unstubAllEnvs())

/** A file as the hub's tools leave it: the bytes are named by their digest, and a link in the snapshot points at them. */
interface HubFile {
  /** The folder below the hub's that the link stands in. */
  readonly snapshot: string
  readonly blob: string
}

const downloaded: HubFile = {
  snapshot: `models--org--name/snapshots/${COMMIT}`,
  blob: `models--org--name/blobs/${DIGEST}`,
}

/** Writes the file and returns the path of the link. */
async function write({ snapshot, blob }: HubFile): Promise<string> {
  const [bytes, link] = [join(hub, blob), join(hub, snapshot, 'model.safetensors')]
  for (const path of [bytes, link]) await mkdir(dirname(path), { recursive: true })
  await writeFile(bytes, 'weights', { mode: 0o644 })
  await symlink(bytes, link)
  return link
}

describe('the digest of a file in the cache of the hub', () => {
  test('is the name of what its link points at', async () => {
    expect(await hubDigest(await write(downloaded))).toBe(DIGEST)
  })

  test('is known below folders of a snapshot, and where the cache is reached by a link', async () => {
    const inner = await write({ ...downloaded, snapshot: `${downloaded.snapshot}/original` })
    expect(await hubDigest(inner)).toBe(DIGEST)
    const linked = `${hub}-linked`
    await symlink(hub, linked)
    vi.stubEnv('HF_HUB_CACHE', linked)
    expect(await hubDigest(inner)).toBe(DIGEST)
    expect(await hubDigest(inner.replace(hub, linked))).toBe(DIGEST)
  })
})

describe('a name proves nothing', () => {
  test.each<readonly [string, Partial<HubFile>]>([
    [
      'of a data set',
      { snapshot: `datasets--org--name/snapshots/${COMMIT}`, blob: `datasets--org--name/blobs/${DIGEST}` },
    ],
    ['deeper than where models are', { snapshot: `more/models--org--name/snapshots/${COMMIT}` }],
    ['beside the snapshots', { snapshot: `models--org--name/refs/${COMMIT}` }],
    ['in a snapshot of a branch', { snapshot: 'models--org--name/snapshots/main' }],
    ['in a snapshot of a short commit', { snapshot: `models--org--name/snapshots/${COMMIT.slice(0, 12)}` }],
    ['in no snapshot', { snapshot: 'models--org--name' }],
    ['of the blob of another model', { blob: `models--org--other/blobs/${DIGEST}` }],
    ['of a file that is no blob', { blob: `models--org--name/files/${DIGEST}` }],
    ['below a folder of blobs', { blob: `models--org--name/blobs/more/${DIGEST}` }],
    ['outside of the cache', { blob: `../elsewhere/${DIGEST}` }],
    ['that is the SHA-1 of a small file', { blob: `models--org--name/blobs/${DIGEST.slice(0, 40)}` }],
    ['that is no digest', { blob: `models--org--name/blobs/${'z'.repeat(64)}` }],
  ])('%s', async (_where, changed) => {
    expect(await hubDigest(await write({ ...downloaded, ...changed }))).toBeUndefined()
  })

  test('in the cache of another hub folder', async () => {
    const link = await write(downloaded)
    vi.stubEnv('HF_HUB_CACHE', join(root, 'other'))
    expect(await hubDigest(link)).toBeUndefined()
    await mkdir(join(root, 'other'))
    expect(await hubDigest(link)).toBeUndefined()
  })

  test('of a file in a snapshot that is no link', async () => {
    const link = await write(downloaded)
    const copy = join(dirname(link), DIGEST)
    await writeFile(copy, 'weights')
    expect(await hubDigest(copy)).toBeUndefined()
  })

  test('of a link to nothing, or of no file', async () => {
    const link = await write(downloaded)
    const broken = join(dirname(link), 'broken.safetensors')
    await symlink(join(hub, 'models--org--name/blobs', '0'.repeat(64)), broken)
    expect(await hubDigest(broken)).toBeUndefined()
    expect(await hubDigest(join(dirname(link), DIGEST))).toBeUndefined()
  })

  test.skipIf(process.getuid === undefined)('where others than the user may write the file', async () => {
    const link = await write(downloaded)
    const blob = join(hub, downloaded.blob)
    await chmod(blob, 0o646)
    expect(await hubDigest(link)).toBeUndefined()
    await chmod(blob, 0o444)
    expect(await hubDigest(link)).toBe(DIGEST)
  })

  test.skipIf(process.getuid?.() !== 0)('where a group of others may write the file', async () => {
    const link = await write(downloaded)
    const blob = join(hub, downloaded.blob)
    await chmod(blob, 0o664)
    expect(await hubDigest(link)).toBe(DIGEST)
    await chown(blob, 0, 1)
    expect(await hubDigest(link)).toBeUndefined()
  })
})
