import type { TorchCheckpointErrorCode } from '../src/index.js'
import { type Code, dict, global, integer, list, op, pickle, storage, tensor, text } from './build-pickle.js'
import { fourFloats } from './build-zip.js'

interface HostileFile {
  readonly title: string
  readonly code: TorchCheckpointErrorCode
  readonly message: RegExp
  readonly bytes: () => Uint8Array
}

/** The five pickles and the storages. */
export interface LegacyParts {
  readonly magic?: Uint8Array
  readonly version?: Code
  readonly machine?: Code
  readonly value?: Code
  readonly keys?: Code
  readonly storages?: Uint8Array
}

const count = (elements: number): Uint8Array => new Uint8Array(new BigUint64Array([BigInt(elements)]).buffer)
const MAGIC = pickle([0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19])
const TRUE: Code = [0x88]
const FALSE: Code = [0x89]

/** A pre-zip file; without options a sound one. */
export function buildLegacy(parts: LegacyParts = {}): Uint8Array {
  return Uint8Array.from(
    [
      parts.magic ?? MAGIC,
      pickle(parts.version ?? integer(1001)),
      pickle(parts.machine ?? dict(text('little_endian'), TRUE)),
      pickle(parts.value ?? dict(text('w'), tensor())),
      pickle(parts.keys ?? list(text('0'))),
      parts.storages ?? Uint8Array.from([...count(4), ...fourFloats]),
    ].flatMap((part) => [...part]),
  )
}

const hostile = (
  title: string,
  code: TorchCheckpointErrorCode,
  message: RegExp,
  parts: LegacyParts,
): HostileFile => ({ title, code, message, bytes: () => buildLegacy(parts) })

/** Pre-zip files that no torch.save writes. */
export const hostileLegacyFiles: readonly HostileFile[] = [
  hostile('another magic number', 'FORMAT_UNKNOWN', /not one of torch\.save/, { magic: pickle(integer(1)) }),
  hostile('a call before the magic number', 'PICKLE_CLASS_REFUSED', /os\.system/, {
    magic: pickle(global('os', 'system')),
  }),
  hostile('another version', 'LEGACY_BAD', /1002, expected 1001/, { version: integer(1002) }),
  hostile('a big-endian machine', 'BIG_ENDIAN', /big-endian/, {
    machine: dict(text('little_endian'), FALSE),
  }),
  hostile('no properties of the machine', 'LEGACY_BAD', /byte order/, { machine: op('N') }),
  hostile('a class in the properties', 'PICKLE_CLASS_REFUSED', /collections\.OrderedDict/, {
    machine: global('collections', 'OrderedDict'),
  }),
  hostile('a call in the value', 'PICKLE_CLASS_REFUSED', /os\.system/, { value: global('os', 'system') }),
  hostile('a storage that is not listed', 'STORAGE_MISSING', /"0" is not in the list/, { keys: list() }),
  hostile('a listed storage that nobody uses', 'LEGACY_BAD', /list of storages/, {
    keys: list(text('0'), text('1')),
  }),
  hostile('a storage listed twice', 'LEGACY_BAD', /list of storages/, { keys: list(text('0'), text('0')) }),
  hostile('keys that are no list', 'STORAGE_MISSING', /"0"/, { keys: dict() }),
  hostile('a storage of another count', 'STORAGE_SIZE_MISMATCH', /has 5 elements, the pickle says 4/, {
    storages: Uint8Array.from([...count(5), ...fourFloats]),
  }),
  hostile('a storage cut short', 'STORAGE_MISSING', /file ends at byte/, { storages: count(4) }),
  hostile('bytes behind the storages', 'LEGACY_BAD', /1 bytes follow/, {
    storages: Uint8Array.from([...count(4), ...fourFloats, 0]),
  }),
  hostile('one storage in two ways', 'STORAGE_SIZE_MISMATCH', /two ways/, {
    value: dict(text('w'), tensor(), text('v'), tensor({ storage: storage('IntStorage') })),
  }),
  {
    title: 'half a file',
    code: 'PICKLE_TRUNCATED',
    message: /before its STOP/,
    bytes: () => buildLegacy().slice(0, 60),
  },
]
