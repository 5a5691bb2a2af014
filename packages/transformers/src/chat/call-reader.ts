import type { AnswerEvent } from './answer-event.js'
import { givenCallId } from './call-ids.js'
import { createJsonObjectScanner, isJsonObject, readMembers } from './json-object-scanner.js'

/** What calls of one answer share. */
export interface CallContext {
  /** Functions that there are. */
  readonly names: ReadonlySet<string>
  newId(): string
  /** The number of the next call. */
  nextIndex(): number
}

/** Reads one call; it is over when `push` returns what came behind it. */
export interface CallReader {
  push(text: string): { readonly events: AnswerEvent[]; readonly rest: string | undefined }
  /** The answer ended in the middle. */
  fail(): AnswerEvent[]
}

/** A name and the beginning of arguments: all that has to be known to pass arguments on as they come. */
const HEAD = /^\s*\{\s*"name"\s*:\s*"([A-Za-z0-9_-]{1,64})"\s*,\s*"(?:arguments|parameters)"\s*:\s*(?=\{)/

/** A call as `{"name": …, "arguments": {…}}`; the members may come in any order, and further ones are ignored. */
export function readJsonCall(context: CallContext, prefix: string): CallReader {
  const whole = createJsonObjectScanner()
  let text = ''
  let stream: ArgumentStream | undefined

  return {
    push(piece) {
      const end = whole.push(piece)
      const own = end === undefined ? piece : piece.slice(0, end)
      const before = text.length
      text += own
      const events: AnswerEvent[] = []
      if (stream === undefined) {
        const head = HEAD.exec(text)
        if (head !== null && context.names.has(head[1]!)) {
          const begun = beginCall(context, head[1]!)
          events.push(begun.event)
          stream = streamArguments(begun.index)
          events.push(...stream.push(text.slice(head[0].length)))
        }
      } else events.push(...stream.push(text.slice(before)))
      if (end === undefined) return { events, rest: undefined }
      return { events: [...events, ...finish()], rest: piece.slice(end) }
    },
    fail: () => [failure(prefix + text, stream?.index)],
  }

  function finish(): AnswerEvent[] {
    const members = readMembers(text)
    if (stream !== undefined) {
      return members === undefined
        ? [failure(prefix + text, stream.index)]
        : [{ type: 'tool-call-end', index: stream.index }]
    }
    const name = parseName(members?.get('name'))
    const argumentText = members?.get('arguments') ?? members?.get('parameters')
    if (
      name === undefined ||
      !context.names.has(name) ||
      argumentText === undefined ||
      !isJsonObject(argumentText)
    ) {
      return [failure(prefix + text)]
    }
    const { event, index } = beginCall(context, name, parseName(members?.get('id')))
    return [event, { type: 'tool-arguments', index, text: argumentText }, { type: 'tool-call-end', index }]
  }
}

/** Arguments alone, of a call whose name came before them. */
export function readArguments(
  context: CallContext,
  name: string,
  id: string | undefined,
  prefix: string,
): CallReader {
  const { event, index } = beginCall(context, name, id)
  const stream = streamArguments(index)
  let text = ''
  return {
    push(piece) {
      const events = [...(text === '' ? [event] : []), ...stream.push(piece)]
      const own = stream.end === undefined ? piece : piece.slice(0, stream.end)
      text += own
      if (stream.end === undefined) return { events, rest: undefined }
      const last: AnswerEvent = isJsonObject(text)
        ? { type: 'tool-call-end', index }
        : failure(prefix + text, index)
      return { events: [...events, last], rest: piece.slice(own.length) }
    },
    fail: () => [failure(prefix + text, index)],
  }
}

interface ArgumentStream {
  readonly index: number
  /** Index behind the arguments in the piece that they ended in. */
  readonly end: number | undefined
  push(text: string): AnswerEvent[]
}

function streamArguments(index: number): ArgumentStream {
  const scanner = createJsonObjectScanner()
  let end: number | undefined
  return {
    index,
    get end() {
      return end
    },
    push(text) {
      if (end !== undefined) return []
      end = scanner.push(text)
      const own = end === undefined ? text : text.slice(0, end)
      return own === '' ? [] : [{ type: 'tool-arguments', index, text: own }]
    },
  }
}

function beginCall({ newId, nextIndex }: CallContext, name: string, id?: string) {
  const index = nextIndex()
  const event: AnswerEvent = { type: 'tool-call', index, id: givenCallId(id) ?? newId(), name }
  return { index, event }
}

const failure = (text: string, index?: number): AnswerEvent => ({
  type: 'tool-failure',
  text,
  ...(index !== undefined && { index }),
})

/** A member that is a text. */
function parseName(written: string | undefined): string | undefined {
  const value: unknown = written === undefined ? undefined : JSON.parse(written)
  return typeof value === 'string' ? value : undefined
}
