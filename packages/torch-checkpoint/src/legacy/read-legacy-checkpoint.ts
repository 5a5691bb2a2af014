import { quote, type Refuse } from '../errors.js'
import type { Budget } from '../pickle/budget.js'
import { MAX_PICKLE_BYTES } from '../pickle/limits.js'
import type { PickleHost } from '../pickle/machine.js'
import { runPickle } from '../pickle/run-pickle.js'
import { describe, isNode, type PickleValue } from '../pickle/values.js'
import type { Container } from '../read/container.js'
import type { RegularFile } from '../read/regular-file.js'
import { dtypeBytes } from '../tensors/dtypes.js'
import type { StorageRef } from '../tensors/rebuilt.js'
import { createPlainHost, createTorchHost } from '../tensors/torch-host.js'

/** The first pickle of the file is this number. */
const MAGIC_NUMBER = 0x1950a86a20f9469cfc6cn
/** The second one; it never changed. */
const PROTOCOL_VERSION = 1001
/** Before each storage: its count of elements. */
const COUNT_BYTES = 8

/**
 * Reads what torch.save wrote before version 1.6, and writes with `_use_new_zipfile_serialization=False`: five pickles
 * (magic number, version, properties of the machine, the value, the keys of the storages) and then the storages.
 */
export async function readLegacyCheckpoint(
  file: RegularFile,
  refuse: Refuse,
  budget: Budget,
): Promise<Container> {
  const bytes = new Uint8Array(Math.min(file.byteLength, MAX_PICKLE_BYTES))
  await file.readInto(bytes, 0)
  let position = 0
  const next = (host: PickleHost): PickleValue => {
    const { value, end } = runPickle(
      { bytes, start: position, isCut: bytes.byteLength < file.byteLength },
      host,
    )
    position = end
    return value
  }
  const plain = createPlainHost(refuse, budget)
  if (next(plain) !== MAGIC_NUMBER) {
    refuse('FORMAT_UNKNOWN', 'the file is a pickle, but not one of torch.save')
  }
  const version = next(plain)
  if (version !== PROTOCOL_VERSION)
    refuse('LEGACY_BAD', `version ${describe(version)}, expected ${PROTOCOL_VERSION}`)
  checkMachine(next(plain), refuse)

  const storages = new Map<string, StorageRef>()
  const top = next(
    createTorchHost(refuse, budget, (storage) => {
      if (storages.has(storage.key)) {
        refuse('STORAGE_SIZE_MISMATCH', `the storage ${quote(storage.key)} is described in two ways`)
      }
      storages.set(storage.key, storage)
    }),
  )
  const keys = readKeys(next(plain), storages, refuse)
  const offsets = await placeStorages(file, position, keys, storages, refuse)
  return { top, locate: ({ key }) => offsets.get(key)! }
}

function checkMachine(value: PickleValue, refuse: Refuse): void {
  const little = isNode(value) && value.kind === 'dict' ? value.entries.get('little_endian') : undefined
  if (little === false) refuse('BIG_ENDIAN', 'the file was written on a big-endian machine')
  if (little !== true) refuse('LEGACY_BAD', 'the properties of the machine do not name its byte order')
}

/** The keys in file order; they are the ones that the value uses, each once. */
function readKeys(
  value: PickleValue,
  storages: ReadonlyMap<string, StorageRef>,
  refuse: Refuse,
): readonly string[] {
  const items = isNode(value) && value.kind === 'list' ? value.items : []
  const keys = items.filter((item): item is string => typeof item === 'string' && storages.has(item))
  const listed = new Set(keys)
  const missing = [...storages.keys()].find((key) => !listed.has(key))
  if (missing !== undefined) {
    refuse('STORAGE_MISSING', `the storage ${quote(missing)} is not in the list of keys`)
  }
  if (keys.length !== items.length || listed.size !== items.length) {
    refuse('LEGACY_BAD', 'the list of storages is not the one that the tensors use')
  }
  return keys
}

async function placeStorages(
  file: RegularFile,
  start: number,
  keys: readonly string[],
  storages: ReadonlyMap<string, StorageRef>,
  refuse: Refuse,
): Promise<ReadonlyMap<string, number>> {
  const offsets = new Map<string, number>()
  const field = new DataView(new ArrayBuffer(COUNT_BYTES))
  let position = start
  for (const key of keys) {
    const { byteLength, dtype } = storages.get(key)!
    const end = position + COUNT_BYTES + byteLength
    if (end > file.byteLength) {
      refuse(
        'STORAGE_MISSING',
        `the file ends at byte ${file.byteLength}, storage ${quote(key)} would at ${end}`,
      )
    }
    await file.readInto(new Uint8Array(field.buffer), position)
    const count = field.getBigUint64(0, true)
    const expected = byteLength / (dtype === undefined ? 1 : dtypeBytes(dtype))
    if (count !== BigInt(expected)) {
      refuse(
        'STORAGE_SIZE_MISMATCH',
        `storage ${quote(key)} has ${count} elements, the pickle says ${expected}`,
      )
    }
    offsets.set(key, position + COUNT_BYTES)
    position = end
  }
  if (position !== file.byteLength)
    refuse('LEGACY_BAD', `${file.byteLength - position} bytes follow the storages`)
  return offsets
}
