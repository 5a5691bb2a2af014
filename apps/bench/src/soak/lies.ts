import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { demandLoopback } from '../serve/ask.js'

/** Bytes that are not what they say, and the statuses that they may be answered with; 0: the connection ends. */
interface Lie {
  readonly name: string
  readonly bytes: string
  readonly statuses: readonly number[]
  /** Ends its side of the connection behind the bytes. */
  readonly ends?: boolean
}

function post(body: string, headers: readonly string[] = [], length = Buffer.byteLength(body)): string {
  const own = ['host: localhost', 'content-type: application/json', `content-length: ${length}`]
  const isSaid = (line: string) => headers.some((other) => other.split(':')[0] === line.split(':')[0])
  const head = [...own.filter((line) => !isSaid(line)), ...headers, 'connection: close']
  return ['POST /v1/completions HTTP/1.1', ...head, '', body].join('\r\n')
}

const fields = (more: object) => JSON.stringify({ model: 'x', prompt: 'Once', max_tokens: 4, ...more })

const LIES: readonly Lie[] = [
  { name: 'half an object', bytes: post('{"prompt": "Once'), statuses: [400] },
  { name: 'more than it says', bytes: post(fields({}), [], 10), statuses: [400] },
  { name: 'less than it says', bytes: post(fields({}), [], 5000), statuses: [0, 400], ends: true },
  { name: 'fifty megabytes', bytes: post(fields({}), [], 50e6), statuses: [413] },
  { name: 'brackets', bytes: post('['.repeat(100_000)), statuses: [400] },
  { name: 'a form', bytes: post('a=b', ['content-type: text/plain']), statuses: [415] },
  { name: 'compressed', bytes: post(fields({}), ['content-encoding: gzip']), statuses: [415] },
  { name: 'another host', bytes: post(fields({}), ['host: evil.example']), statuses: [403] },
  { name: 'another origin', bytes: post(fields({}), ['origin: https://evil.example']), statuses: [403] },
  { name: 'a number as a text', bytes: post(fields({ temperature: 'hot' })), statuses: [400] },
  { name: 'an unknown token', bytes: post(fields({ prompt: [999_999] })), statuses: [400, 429] },
  { name: 'a key of objects', bytes: post('{"__proto__": {"a": 1}}'), statuses: [400] },
  { name: 'a book', bytes: post(fields({ prompt: 'word '.repeat(200_000) })), statuses: [400, 429] },
  { name: 'no HTTP', bytes: 'NONSENSE\r\n\r\n', statuses: [400] },
  { name: 'headers without end', bytes: `GET / HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n`, statuses: [431] },
  {
    name: 'a chunk of no size',
    bytes: `POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n`,
    statuses: [400],
  },
]

/** Half of a request, and then nothing: the server has to end it. */
const HALF: Lie = { name: 'half a request', bytes: post(fields({}), [], 5000), statuses: [0, 408] }

/** Milliseconds that a server may take to end a connection on which nothing comes. */
const MOST_WAIT = 60_000

export const pickLie = (pick: <Item>(items: readonly Item[]) => Item): Lie => pick(LIES)

/** @returns what was wrong about the answer; undefined where the lie was told by a status that fits. */
export async function tellLie(url: string, lie: Lie = HALF): Promise<string | undefined> {
  const { hostname, port } = demandLoopback(url)
  const socket = connect(Number(port), hostname.replace(/[[\]]/g, ''))
  let answer = ''
  socket.setEncoding('utf8')
  socket.on('data', (data) => {
    answer += data
  })
  // A server that has answered may reset a connection on which more comes.
  socket.on('error', () => {})
  socket.write(lie.bytes)
  if (lie.ends === true) socket.end()
  const closed = once(socket, 'close').then(() => true)
  const isClosed = await Promise.race([closed, sleep(MOST_WAIT, false, { ref: false })])
  socket.destroy()
  if (!isClosed) return `${lie.name}: the connection stays open`
  const status = Number(/^HTTP\/1.1 (\d+)/.exec(answer)?.[1] ?? 0)
  // What was written before a reset may be lost on its way.
  return status === 0 || lie.statuses.includes(status) ? undefined : `${lie.name}: ${status}`
}
