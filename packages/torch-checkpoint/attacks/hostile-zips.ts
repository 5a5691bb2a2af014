import type { TorchCheckpointErrorCode } from '../src/index.js'
import { dict, pickle, tensor, text } from './build-pickle.js'
import { buildZip, fourFloats, type ZipEnd, type ZipEntry } from './build-zip.js'

interface HostileZip {
  readonly title: string
  readonly code: TorchCheckpointErrorCode
  readonly message: RegExp
  readonly bytes: () => Uint8Array
}

const program = { name: 'archive/data.pkl', data: pickle(dict(text('w'), tensor())) }
const data = { name: 'archive/data/0', data: fourFloats }
const sound = [program, data]
const SECOND_HEADER = 30 + program.name.length + program.data.byteLength

const hostile = (
  title: string,
  code: TorchCheckpointErrorCode,
  message: RegExp,
  entries: readonly ZipEntry[],
  end: ZipEnd = {},
): HostileZip => ({ title, code, message, bytes: () => buildZip(entries, end) })

/** A sound archive, changed afterwards. */
const damaged = (
  title: string,
  code: TorchCheckpointErrorCode,
  message: RegExp,
  change: (bytes: Uint8Array) => Uint8Array,
): HostileZip => ({ title, code, message, bytes: () => change(buildZip(sound)) })

const named = (name: string): readonly ZipEntry[] => [...sound, { name, data: fourFloats }]
const many = Array.from({ length: 65_537 }, (_, index) => ({ name: `a/${index}` }))

/** Archives that no torch.save writes. */
export const hostileZips: readonly HostileZip[] = [
  hostile('a deflated entry', 'ZIP_COMPRESSED', /"archive\/data\/0" is compressed \(method 8\)/, [
    program,
    { ...data, method: 8 },
  ]),
  hostile('an entry deflated in its own header only', 'ZIP_COMPRESSED', /"archive\/data\/0"/, [
    program,
    { ...data, localMethod: 8 },
  ]),
  hostile('an encrypted entry', 'ZIP_ENCRYPTED', /"archive\/data\/0"/, [program, { ...data, flags: 1 }]),
  hostile('an entry encrypted in its own header only', 'ZIP_ENCRYPTED', /"archive\/data\/0"/, [
    program,
    { ...data, localFlags: 1 },
  ]),
  hostile('one name twice', 'ZIP_DUPLICATE_NAME', /"archive\/data\/0" appears twice/, [...sound, data]),
  hostile('two programs', 'ZIP_ENTRY_MISSING', /has 2 entries/, [
    ...sound,
    { ...program, name: 'b/data.pkl' },
  ]),
  hostile('no program', 'ZIP_ENTRY_MISSING', /has 0 entries/, [data]),
  hostile('a program of TorchScript', 'ZIP_ENTRY_MISSING', /TorchScript/, named('archive/constants.pkl')),
  hostile('a path upwards', 'ZIP_BAD_NAME', /"archive\/\.\.\/x"/, named('archive/../x')),
  hostile('an absolute path', 'ZIP_BAD_NAME', /"\/etc\/passwd"/, named('/etc/passwd')),
  hostile('a drive', 'ZIP_BAD_NAME', /"C:\/x"/, named('C:/x')),
  hostile('a backslash', 'ZIP_BAD_NAME', /x/, named('archive\\x')),
  hostile('a name with a zero byte', 'ZIP_BAD_NAME', /x/, named('archive/\0x')),
  hostile('a very long name', 'ZIP_LIMIT', /1025 bytes/, named('x'.repeat(1025))),
  hostile('two names for one place', 'ZIP_BAD', /another name/, [...sound, { name: 'a/b', headerOffset: 0 }]),
  hostile('entries that share bytes', 'ZIP_OVERLAP', /"archive\/data\/0" shares bytes/, [
    { ...program, byteLength: program.data.byteLength + 8 },
    data,
  ]),
  hostile('a size beyond the directory', 'ZIP_BAD', /reaches into the directory/, [
    program,
    { ...data, byteLength: 1000 },
  ]),
  hostile('another name in the header', 'ZIP_BAD', /another name/, [
    program,
    { ...data, localName: 'archive/data/1' },
  ]),
  hostile('fewer entries than promised', 'ZIP_BAD', /entry 3 of 3 is missing/, sound, { count: 3 }),
  hostile('more entries than promised', 'ZIP_BAD', /follow the last entry/, sound, { count: 1 }),
  hostile('a directory elsewhere', 'ZIP_BAD', /does not end at byte/, sound, { directoryOffset: 1 }),
  hostile('several parts', 'ZIP_BAD', /one of several parts/, sound, { disk: 1 }),
  hostile('too many entries', 'ZIP_LIMIT', /65537 entries/, many, { zip64: {} }),
  hostile('2^62 entries', 'ZIP_BAD', /zip64 field/, sound, { zip64: { count: 2n ** 62n } }),
  hostile('2^40 entries', 'ZIP_LIMIT', /1099511627776 entries/, sound, { zip64: { count: 2n ** 40n } }),
  hostile('a zip64 directory elsewhere', 'ZIP_BAD', /does not end/, sound, { zip64: { offset: 2n ** 40n } }),
  hostile('a zip64 archive in parts', 'ZIP_BAD', /parts/, sound, { zip64: { disks: 1 } }),
  hostile('a zip64 size of 2^50 bytes', 'ZIP_BAD', /reaches into the directory/, [
    program,
    { ...data, zip64: true, byteLength: 2 ** 50 },
  ]),
  hostile('a big-endian file', 'BIG_ENDIAN', /"big"/, [
    ...sound,
    { name: 'archive/byteorder', data: new TextEncoder().encode('big') },
  ]),
  damaged('the last byte missing', 'ZIP_BAD', /end of the zip directory is missing/, (bytes) =>
    bytes.slice(0, -1),
  ),
  damaged('half of the file missing', 'ZIP_BAD', /end of the zip directory is missing/, (bytes) =>
    bytes.slice(0, bytes.byteLength / 2),
  ),
  damaged('something before it', 'FORMAT_UNKNOWN', /begins with/, (bytes) => Uint8Array.from([0, ...bytes])),
  damaged('something behind it', 'ZIP_BAD', /end of the zip directory is missing/, (bytes) =>
    Uint8Array.from([...bytes, 0]),
  ),
  damaged('an entry without its header', 'ZIP_BAD', /"archive\/data\/0" has no header/, (bytes) =>
    bytes.fill(0xff, SECOND_HEADER, SECOND_HEADER + 4),
  ),
]
