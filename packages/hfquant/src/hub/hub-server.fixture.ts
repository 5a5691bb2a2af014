/** A hub on 127.0.0.1: model info, file listing, and files behind a redirect to a second origin. */

import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** Test settings may be changed between requests. */
export interface HubServer extends AsyncDisposable {
  readonly endpoint: string
  /** "METHOD path" of every request to either origin. */
  readonly requests: string[]
  /** Authorization headers that reached the origin that only serves files. */
  readonly tokensAtStorage: string[]
  readonly commit: string
  /** If set, requests without this token are refused. */
  requiredToken: string | undefined
  /** If set, every request is answered with this status. */
  brokenStatus: number | undefined
  /** After so many answers with `brokenStatus` the hub works again. */
  brokenAnswers: number
  /** The `Retry-After` of broken answers. */
  retryAfter: string
  /** If set, no request is ever answered. */
  isSilent: boolean
  /** If set, each page of the listing names another one. */
  listsForever: boolean
  /** If set, files are sent from their first byte, whatever part is asked for. */
  ignoresRanges: boolean
  /** The parts of files that were asked for: "name bytes=10-". */
  readonly ranges: string[]
  /** How many answers with file bytes end half-way. */
  truncatedAnswers: number
  /** If set, a file answer sends half of its bytes and then waits until the client leaves. */
  stalls: boolean
  /** If set, the bytes of a file come in ten pieces, some milliseconds apart. */
  drips: boolean
  /** If set, the listing continues on a page of the other origin. */
  continuesElsewhere: boolean
  /** What is sent instead of the bytes of a file. */
  readonly forged: Map<string, Buffer>
  /** Put over the fields of a listed file. */
  readonly listed: Map<string, object>
}

type Files = Readonly<Record<string, string | Buffer>>

export async function startHubServer(model: string, files: Files): Promise<HubServer> {
  const commit = createHash('sha1').update(JSON.stringify(files)).digest('hex')
  const contents = new Map(Object.entries(files).map(([name, content]) => [name, Buffer.from(content)]))
  const storage = await listen((request, response) => {
    hub.requests.push(`${request.method} storage ${request.url}`)
    if (request.headers.authorization) hub.tokensAtStorage.push(request.headers.authorization)
    if (request.url === '/page-2') return sendJson(response, [])
    sendFile(hub, request, response, contents, decodeURIComponent(request.url!.slice(1)))
  })
  const api = await listen((request, response) => {
    const { pathname } = new URL(request.url!, 'http://hub')
    hub.requests.push(`${request.method} ${pathname}`)
    if (hub.isSilent) return
    const refuse = (status: number, code: string) => {
      if (code === 'Broken') response.setHeader('retry-after', hub.retryAfter)
      response.writeHead(status, { 'x-error-code': code, 'content-type': 'application/json' })
      response.end(JSON.stringify({ error: `${code} for ${request.headers.authorization}` }))
    }
    if (hub.brokenStatus !== undefined && hub.brokenAnswers-- > 0) return refuse(hub.brokenStatus, 'Broken')
    if (hub.requiredToken !== undefined && request.headers.authorization !== `Bearer ${hub.requiredToken}`) {
      return refuse(401, 'RepoNotFound')
    }
    if (!pathname.startsWith(`/api/models/${model}/`) && !pathname.startsWith(`/${model}/resolve/`)) {
      return refuse(404, 'RepoNotFound')
    }
    const [, kind, revision] = /\/(revision|tree|resolve)\/([^/]+)/.exec(pathname)!
    if (!['main', 'refs%2Fpr%2F1', commit].includes(revision!)) return refuse(404, 'RevisionNotFound')
    if (kind === 'revision') return sendJson(response, { _id: '1', id: model, sha: commit })
    if (hub.continuesElsewhere) response.setHeader('link', `<${storage.origin}/page-2>; rel="next"`)
    if (hub.listsForever) {
      response.setHeader('link', `<${api.origin}${pathname}?cursor=more>; rel="next"`)
      if (kind === 'tree') return sendJson(response, [])
    }
    if (kind === 'tree') {
      const [, folder] = /\/tree\/[^/]+\/(.+)$/.exec(pathname) ?? []
      return sendJson(response, listing(contents, hub.listed, folder === undefined ? '' : `${folder}/`))
    }
    const name = decodeURIComponent(pathname.slice(pathname.indexOf(`/${commit}/`) + commit.length + 2))
    if (!isLarge(name)) return sendFile(hub, request, response, contents, name)
    response.writeHead(302, { location: `${storage.origin}/${name}`, 'x-repo-commit': commit }).end()
  })
  const hub: HubServer = {
    endpoint: api.origin,
    requests: [],
    tokensAtStorage: [],
    commit,
    requiredToken: undefined,
    brokenStatus: undefined,
    brokenAnswers: Number.POSITIVE_INFINITY,
    retryAfter: '0',
    isSilent: false,
    listsForever: false,
    ignoresRanges: false,
    ranges: [],
    truncatedAnswers: 0,
    stalls: false,
    drips: false,
    continuesElsewhere: false,
    forged: new Map(),
    listed: new Map(),
    async [Symbol.asyncDispose]() {
      await Promise.all([api.close(), storage.close()])
    },
  }
  return hub
}

const isLarge = (name: string): boolean => /\.(safetensors|bin)$/.test(name)

/** The files of one folder, which ends with a slash; "" is the top. */
function listing(
  contents: ReadonlyMap<string, Buffer>,
  overrides: ReadonlyMap<string, object>,
  folder = '',
): object[] {
  const inside = [...contents].filter(([path]) => path.slice(0, path.lastIndexOf('/') + 1) === folder)
  const files = inside.map(([path, bytes]) => ({
    type: 'file',
    path,
    size: bytes.length,
    oid: createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex'),
    ...(isLarge(path) && {
      lfs: { oid: createHash('sha256').update(bytes).digest('hex'), size: bytes.length, pointerSize: 130 },
    }),
    ...overrides.get(path),
  }))
  const folders = new Set(
    [...contents.keys(), 'original/x'].flatMap((path) => /^(.+)\//.exec(path)?.[1] ?? []),
  )
  const directories = [...folders].map((path) => ({ type: 'directory', path, size: 0, oid: '0'.repeat(40) }))
  return folder === '' ? [...files, ...directories] : files
}

function sendFile(
  hub: HubServer,
  request: IncomingMessage,
  response: ServerResponse,
  contents: ReadonlyMap<string, Buffer>,
  name: string,
): void {
  const whole = hub.forged.get(name) ?? contents.get(name)
  if (!whole) return void response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end()
  if (request.headers.range !== undefined) hub.ranges.push(`${name} ${request.headers.range}`)
  const asked = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  const start = hub.ignoresRanges ? 0 : asked
  const bytes = whole.subarray(start)
  response.writeHead(start > 0 ? 206 : 200, { 'content-length': bytes.length, etag: `"${name}"` })
  const half = bytes.subarray(0, bytes.length >> 1)
  if (hub.stalls) return void response.write(half)
  if (hub.drips) return void drip(response, bytes)
  if (hub.truncatedAnswers === 0) return void response.end(bytes)
  hub.truncatedAnswers--
  response.write(half, () => response.destroy())
}

async function drip(response: ServerResponse, bytes: Buffer): Promise<void> {
  const step = Math.ceil(bytes.length / 10)
  for (let start = 0; start < bytes.length && !response.destroyed; start += step) {
    response.write(bytes.subarray(start, start + step))
    await pause(5)
  }
  response.end()
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

async function listen(handle: RequestListener) {
  const server = createServer(handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
