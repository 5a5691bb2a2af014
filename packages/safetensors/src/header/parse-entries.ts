import { isSafetensorsDtype, type SafetensorsDtype, safetensorsDtypes } from '../dtypes.js'
import { quote, SafetensorsError, type SafetensorsErrorCode } from '../errors.js'
import { createJsonCursor, type JsonCursor } from './json-cursor.js'

/** One entry as the header states it: types are right, nothing else is checked yet. */
export interface RawEntry {
  readonly name: string
  readonly dtype: SafetensorsDtype
  readonly shape: readonly number[]
  /** First byte and the byte after the last, counted from the start of the data. */
  readonly start: number
  readonly end: number
}

/** Key of the one header entry that is no tensor. */
export const METADATA_KEY = '__metadata__'

/** The header's JSON as entries in the order of the text. Throws {@link SafetensorsError}. */
export function parseEntries(text: string, file: string) {
  let tensor: string | undefined
  const refuse = (code: SafetensorsErrorCode, problem: string): never => {
    const where = tensor === undefined ? 'the header' : `the header entry ${quote(tensor)}`
    const details = tensor === undefined || tensor === METADATA_KEY ? { file } : { file, tensor }
    throw new SafetensorsError(code, `${file}: ${where}: ${problem}`, details)
  }
  const json = createJsonCursor(text, ({ kind, message, key }) => {
    if (kind === 'syntax') return refuse('SAFETENSORS_BAD_HEADER', message)
    tensor ??= key
    return refuse('SAFETENSORS_DUPLICATE_KEY', `the key ${quote(key ?? '')} appears twice`)
  })

  const metadata = Object.create(null) as Record<string, string>
  const entries: RawEntry[] = []
  // The format demands "{" as the very first byte; other white space may only follow the object.
  if (text.charAt(0) !== '{') refuse('SAFETENSORS_BAD_HEADER', 'must be a JSON object that begins with "{"')
  json.object((name) => {
    tensor = name
    if (name === METADATA_KEY) readMetadata(json, metadata, refuse)
    else entries.push(readEntry(json, name, refuse))
    tensor = undefined
  })
  json.end()
  return { metadata, entries }
}

type Refuse = (code: SafetensorsErrorCode, problem: string) => never

/** Some writers leave null where there is nothing to say; the reference library reads it as nothing. */
function readMetadata(json: JsonCursor, metadata: Record<string, string>, refuse: Refuse): void {
  if (json.peek() === 'n') {
    json.skip()
    return
  }
  if (json.peek() !== '{') refuse('SAFETENSORS_BAD_METADATA', 'must be an object of strings')
  json.object((key) => {
    if (json.peek() !== '"') refuse('SAFETENSORS_BAD_METADATA', `the value of ${quote(key)} is not a string`)
    metadata[key] = json.string()
  })
}

/** Unknown keys are passed over, as the reference library does. */
function readEntry(json: JsonCursor, name: string, refuse: Refuse): RawEntry {
  let dtype: SafetensorsDtype | undefined
  let shape: number[] | undefined
  let offsets: number[] | undefined
  json.object((key) => {
    if (key === 'dtype') dtype = readDtype(json, refuse)
    else if (key === 'shape') shape = readNumbers(json)
    else if (key === 'data_offsets') offsets = readNumbers(json)
    else json.skip()
  })
  if (dtype === undefined || shape === undefined || offsets === undefined) {
    const missing = dtype === undefined ? 'dtype' : shape === undefined ? 'shape' : 'data_offsets'
    return refuse('SAFETENSORS_BAD_HEADER', `"${missing}" is missing`)
  }
  const [start, end] = offsets
  if (start === undefined || end === undefined || offsets.length !== 2) {
    return refuse('SAFETENSORS_BAD_HEADER', `"data_offsets" has ${offsets.length} numbers instead of 2`)
  }
  return { name, dtype, shape, start, end }
}

function readDtype(json: JsonCursor, refuse: Refuse): SafetensorsDtype {
  const text = json.string()
  if (isSafetensorsDtype(text)) return text
  return refuse(
    'SAFETENSORS_UNKNOWN_DTYPE',
    `unknown dtype ${quote(text)}; known: ${safetensorsDtypes.join(', ')}`,
  )
}

function readNumbers(json: JsonCursor): number[] {
  const numbers: number[] = []
  json.array(() => numbers.push(json.wholeNumber()))
  return numbers
}
