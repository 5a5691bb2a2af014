import { quote, type Refuse } from '../errors.js'
import type { Budget } from '../pickle/budget.js'
import { MAX_PICKLE_BYTES } from '../pickle/limits.js'
import { runPickle } from '../pickle/run-pickle.js'
import type { Container } from '../read/container.js'
import type { RegularFile } from '../read/regular-file.js'
import type { StorageRef } from '../tensors/rebuilt.js'
import { createTorchHost } from '../tensors/torch-host.js'
import { type ArchiveEntry, readArchive } from './read-archive.js'

/** A text that says nothing more than "little" is all that `byteorder` may be. */
const MAX_BYTE_ORDER_BYTES = 16

/** Reads the container that torch.save writes since version 1.6: `<root>/data.pkl` and `<root>/data/<key>`. */
export async function readZipCheckpoint(
  file: RegularFile,
  refuse: Refuse,
  budget: Budget,
): Promise<Container> {
  const entries = await readArchive(file, refuse)
  const root = findRoot(entries, refuse)
  await checkByteOrder(file, entries.get(`${root}/byteorder`), refuse)

  const pickle = entries.get(`${root}/data.pkl`)!
  if (pickle.byteLength > MAX_PICKLE_BYTES) {
    refuse('PICKLE_LIMIT', `data.pkl has ${pickle.byteLength} bytes; at most ${MAX_PICKLE_BYTES} are read`)
  }
  const bytes = new Uint8Array(pickle.byteLength)
  await file.readInto(bytes, pickle.byteOffset)

  const find = (storage: StorageRef): ArchiveEntry => {
    const name = `${root}/data/${storage.key}`
    const entry =
      entries.get(name) ?? refuse('STORAGE_MISSING', `the storage ${quote(name)} is not in the archive`)
    if (entry.byteLength !== storage.byteLength) {
      const problem = `the storage ${quote(name)} has ${entry.byteLength} bytes`
      refuse('STORAGE_SIZE_MISMATCH', `${problem}, the pickle says ${storage.byteLength}`)
    }
    return entry
  }
  const { value, end } = runPickle({ bytes, start: 0, isCut: false }, createTorchHost(refuse, budget, find))
  if (end !== bytes.byteLength) refuse('PICKLE_BAD', `${bytes.byteLength - end} bytes follow the pickle`)
  return { top: value, locate: (storage) => find(storage).byteOffset }
}

function findRoot(entries: ReadonlyMap<string, ArchiveEntry>, refuse: Refuse): string {
  const pickles = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name))
  const [pickle] = pickles
  if (pickle === undefined || pickles.length > 1) {
    return refuse(
      'ZIP_ENTRY_MISSING',
      `the archive has ${pickles.length} entries <root>/data.pkl, expected one`,
    )
  }
  const root = pickle.slice(0, pickle.indexOf('/'))
  if (entries.has(`${root}/constants.pkl`)) {
    return refuse('ZIP_ENTRY_MISSING', 'the archive is a TorchScript program', {
      hint: 'Programs are not read; save the state dict with torch.save.',
    })
  }
  return root
}

async function checkByteOrder(
  file: RegularFile,
  entry: ArchiveEntry | undefined,
  refuse: Refuse,
): Promise<void> {
  if (entry === undefined) return
  const bytes = new Uint8Array(Math.min(entry.byteLength, MAX_BYTE_ORDER_BYTES))
  await file.readInto(bytes, entry.byteOffset)
  const order = new TextDecoder('latin1').decode(bytes).trim()
  if (order !== 'little') refuse('BIG_ENDIAN', `the byte order is ${quote(order)}, expected "little"`)
}
